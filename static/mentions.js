/*
  Names behind an @ in a note: the server is asked who it could be, arrows choose, Enter or a click writes it. Loaded by
  app.js where a page has a [data-mentions]; without it the name is typed.
*/
const begun = area => area.value.slice(0, area.selectionEnd).match(/(?<![\w@./+-])@([\w.-]{0,64})$/)?.[1]
const listOf = area => area.form.querySelector('.under')
const options = () => [...document.querySelectorAll('#members [role="option"]')]
let timer

export function setUp(area) {
  if (area.ready) return
  area.ready = true
  area.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(ask, 120, area) })
  area.addEventListener('keydown', event => key(event, area))
  area.addEventListener('blur', () => close(area))
  // Before the field loses the focus to what is clicked.
  listOf(area).addEventListener('mousedown', event => {
    event.preventDefault()
    const option = event.target.closest('[role="option"]')
    if (option) write(area, option)
  })
  // Somebody may have begun to type before this was here.
  if (document.activeElement === area) ask(area)
}

async function ask(area) {
  const word = begun(area)
  if (word === undefined) return close(area)
  const list = listOf(area)
  await htmx.ajax('GET', `${area.dataset.members}?q=${encodeURIComponent(word)}`, { source: list, target: list, swap: 'innerHTML' })
  if (begun(area) !== word || document.activeElement !== area || !options().length) return close(area)
  area.setAttribute('aria-controls', 'members')
  choose(area, 0)
}

function choose(area, index) {
  const all = options(), at = (index + all.length) % all.length
  all.forEach((option, i) => option.setAttribute('aria-selected', i === at))
  area.setAttribute('aria-activedescendant', all[at].id)
}

function key(event, area) {
  const now = options().findIndex(option => option.ariaSelected === 'true')
  if (now < 0 || event.ctrlKey || event.metaKey || event.isComposing) return
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step) choose(area, now + step)
  else if (event.key === 'Enter' || event.key === 'Tab') write(area, options()[now])
  else if (event.key === 'Escape') close(area)
  else return
  event.preventDefault()
  event.stopPropagation()
}

function write(area, option) {
  const end = area.selectionEnd
  area.setRangeText(`${option.dataset.name} `, end - begun(area).length, end, 'end')
  close(area)
  area.dispatchEvent(new Event('input', { bubbles: true }))
}

function close(area) {
  listOf(area).replaceChildren()
  for (const name of ['aria-controls', 'aria-activedescendant']) area.removeAttribute(name)
}
