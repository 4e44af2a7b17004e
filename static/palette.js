/*
  The palette is a combobox over what the server found: arrows choose, Enter follows. Loaded by app.js when it is first
  opened; until then, and without it, Enter searches for the words.
*/
const field = document.getElementById('palette-q')
const options = () => [...document.querySelectorAll('#palette-list a[role="option"]')]

function choose(index) {
  const all = options(), chosen = all.at(index % all.length)
  for (const el of all) el.setAttribute('aria-selected', el === chosen)
  field.setAttribute('aria-activedescendant', chosen?.id ?? '')
  chosen?.scrollIntoView({ block: 'nearest' })
}

field.addEventListener('keydown', event => {
  const now = options().findIndex(el => el.getAttribute('aria-selected') === 'true')
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!by && (event.key !== 'Enter' || now < 0)) return
  event.preventDefault()
  by ? choose(now + by) : options()[now].click()
})
field.closest('dialog').addEventListener('htmx:after:swap', () => choose(0))
choose(0)
