/*
  The command field remembers: ↑ on its first line walks through what its reader ran before, ↓ comes back to what they
  were typing. The button says what it will do, in the words that came with the agents.
*/
const field = document.getElementById('command'), run = document.getElementById('run')
const before = JSON.parse(field.dataset.before)
let at = -1, typed = ''

field.addEventListener('keydown', event => {
  const step = { ArrowUp: 1, ArrowDown: -1 }[event.key]
  if (!step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing || !atEdge(step)) return
  const next = at + step
  if (next < -1 || next >= before.length) return
  event.preventDefault()
  if (at < 0) typed = field.value
  show(next, step)
})
field.addEventListener('input', event => { if (event.isTrusted) at = -1 })

function atEdge(step) {
  const { value, selectionStart: from, selectionEnd: to } = field
  return from === to && !(step > 0 ? value.slice(0, from) : value.slice(to)).includes('\n')
}

function show(next, step) {
  at = next
  field.value = at < 0 ? typed : before[at]
  const end = step > 0 ? field.value.indexOf('\n') : -1
  field.setSelectionRange(...Array(2).fill(end < 0 ? field.value.length : end))
  field.dispatchEvent(new Event('input', { bubbles: true }))
  document.getElementById('status').textContent = field.value
}

document.addEventListener('htmx:after:swap', () => {
  const words = document.getElementById('agent-options').dataset.run
  if (run.textContent !== words) run.textContent = words
})
