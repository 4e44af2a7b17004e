/*
  The output of a task: following what is written, finding in it, leading to a line. Loaded by app.js where a page has a
  [data-log]; asking for more is app.js's clock, and what came arrives with the event log:next {from, end, done, text}.
*/
const byId = id => document.getElementById(id)
const $ = (query, from = document) => from.querySelector(query)
const $$ = (query, from = document) => [...from.querySelectorAll(query)]
const hear = (type, act, capture) => document.addEventListener(type, act, capture)
const on = (type, query, act, capture) => hear(type, event => {
  const found = event.target.closest?.(query)
  if (found) act(event, found)
}, capture)

/* ---- Following ---- */

const LINES = 500, CHUNKS = 100
const atEnd = log => log.scrollHeight - log.scrollTop - log.clientHeight < 40
const isLive = log => 'live' in log.dataset
const linesOf = log => byId(`${log.id}-lines`)

export function setUp(log) {
  if (log.missed !== undefined) return
  log.missed = 0
  setTimes(log, localStorage.getItem('output-times') ?? 'off')
  setWrap(log, localStorage.getItem('output-wrap') !== 'no')
  if ('end' in log.dataset) log.scrollTop = log.scrollHeight
  // Chunks get their true height only when they come into view, so the end moves.
  new ResizeObserver(() => { if (log.following) log.scrollTop = log.scrollHeight }).observe(linesOf(log))
  log.addEventListener('scroll', () => { if (atEnd(log) !== log.following) follow(log, atEnd(log)) }, { passive: true })
  follow(log, isLive(log))
  goToLine()
}

function follow(log, yes) {
  if (yes) log.missed = 0
  log.following = yes && isLive(log)
  const mark = $(`[data-follow="${log.id}"]`), resume = $('.resume', log)
  mark.hidden = !isLive(log)
  mark.toggleAttribute('data-on', yes)
  mark.lastElementChild.textContent = yes ? _('Following') : _('Paused')
  resume.hidden = yes || !isLive(log)
  $('span', resume).textContent = log.missed ? _('Resume · {n} new', { n: log.missed.toLocaleString() }) : _('Resume following')
}

on('click', '.resume button', (event, button) => {
  const log = button.closest('.log')
  log.scrollTop = log.scrollHeight
  log.focus()
})

// An answer that comes after its log left the page reaches only the document, and is dropped.
on('log:next', '[data-log]', ({ detail }, log) => {
  if (detail.from) log.dataset.from = detail.from
  if (detail.end && $('[data-more="after"]', log)) {
    byId(`${log.id}-later`).remove()
    if (!detail.done) log.dataset.live = 'log'
  }
  if (detail.done) {
    log.removeAttribute('data-live')
    byId('status').textContent = detail.text ?? _('Finished')
  }
  follow(log, log.following || atEnd(log))
})

/* ---- What comes in ---- */

hear('htmx:config:request', ({ detail: { ctx: { request, sourceElement: link } } }) => {
  const which = link.dataset.more, log = which && link.closest('[data-log]')
  if (log) request.body.set(which, which === 'after' ? parseInt(log.dataset.from) : $('.chunk', log).dataset.start)
})

hear('htmx:before:swap', ({ detail: { tasks } }) => {
  for (const { target, fragment, swapSpec } of tasks) {
    const log = target?.matches?.('.lines') && target.parentElement
    if (!log) continue
    if (swapSpec.style === 'afterbegin') log.below = log.scrollHeight - log.scrollTop
    else join(log, target, fragment)
  }
})

/* An unfinished line comes again; lines of a group that was open go into it; short chunks become one. */
function join(log, lines, fragment) {
  $('[data-unended]', lines)?.remove()
  log.missed += $$('.l', fragment).length
  const last = $('.chunk:last-child', lines), next = fragment.firstElementChild
  if (!last || !next?.matches('.chunk')) return
  const group = $('.group[data-open]:last-child', last)
  group?.append(...[...next.children].slice(0, next.dataset.into))
  if ('closes' in next.dataset) group?.removeAttribute('data-open')
  if ($$('.l', last).length + $$('.l', next).length > LINES) return
  last.append(...next.children)
  next.remove()
}

hear('htmx:after:swap', ({ detail: { ctx: { target: lines } } }) => {
  if (!lines?.matches?.('.lines')) return
  const log = lines.parentElement, errors = $(`[data-failures="${log.id}"]`), n = $$('[data-error]', log).length
  errors.hidden = !n
  $('.count', errors).textContent = n
  if (log.below) log.scrollTop = log.scrollHeight - log.below
  log.below = 0
  // What scrolled away long ago can be loaded again.
  if (log.following) for (const chunk of [...lines.children].slice(0, -CHUNKS)) chunk.remove()
})

/* ---- How lines are shown ---- */

function setTimes(log, which) {
  log.dataset.ts = which
  for (const el of $$(`[data-times="${log.id}"]`)) el.value = which
}

function setWrap(log, yes) {
  log.toggleAttribute('data-wrap', yes)
  for (const el of $$(`[data-wraps="${log.id}"]`)) el.checked = yes
}

on('change', 'select[data-times]', (event, el) => {
  setTimes(byId(el.dataset.times), el.value)
  localStorage.setItem('output-times', el.value)
})
on('change', 'input[data-wraps]', (event, el) => {
  setWrap(byId(el.dataset.wraps), el.checked)
  localStorage.setItem('output-wrap', el.checked ? 'yes' : 'no')
})

/* Without the numbers; app.js does the rest. */
on('click', '[data-lines]', (event, button) => {
  button.dataset.copy = $$('.l > span', byId(button.dataset.lines)).map(el => el.textContent).join('\n')
}, true)

/* ---- Finding ---- */

const MOST = 5000
let hits = [], hit = -1, word = ''

on('input', '[data-find]', (event, input) => find(input))
on('keydown', '[data-find]', (event, input) => {
  if (event.key !== 'Enter') return
  event.preventDefault()
  goToHit(event.shiftKey ? -1 : 1)
})
on('click', '[data-hit]', (event, button) => goToHit(Number(button.dataset.hit)))

function find(input) {
  word = input.value.toLowerCase()
  const texts = document.createTreeWalker(byId(input.dataset.find), NodeFilter.SHOW_TEXT)
  hits = []
  hit = -1
  while (word && hits.length < MOST && texts.nextNode()) hits.push(...hitsIn(texts.currentNode))
  show('find', hits)
  goToHit(1)
}

function hitsIn(node) {
  if (!node.parentElement.closest('.l > span')) return []
  const text = node.data.toLowerCase(), found = []
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    found.push(new StaticRange({ startContainer: node, startOffset: at, endContainer: node, endOffset: at + word.length }))
  }
  return found
}

function goToHit(step) {
  if (hits.length) hit = (hit + step + hits.length) % hits.length
  for (const el of $$('.find output')) el.textContent = hits.length ? `${hit + 1}/${hits.length}` : word && _('None')
  show('found', hits.slice(hit, hit + 1))
  if (hits[hit]) reveal(hits[hit].startContainer.parentElement.closest('.l'))
}

/* Painted by the browser: the lines themselves stay as they are. */
function show(name, ranges) {
  if (globalThis.Highlight) CSS.highlights.set(name, new Highlight(...ranges))
}

/* ---- Leading to a line ---- */

let failure = -1

on('click', '[data-failures]', (event, button) => {
  const all = $$('[data-error]', byId(button.dataset.failures))
  if (!all.length) return
  failure = (failure + 1) % all.length
  reveal(all[failure])
  $('a', all[failure]).focus({ preventScroll: true })
})

function reveal(line) {
  for (let box = line.closest('details'); box; box = box.parentElement.closest('details')) box.open = true
  line.closest('.log').following = false
  line.scrollIntoView({ block: 'center' })
}

/* #L131 or #L131-L140. A line that is not on the page is asked for, once. */
const named = () => location.hash.match(/^#L(\d+)(?:-L(\d+))?$/) ?? []

function goToLine() {
  const [, first] = named(), line = byId(`L${first}`), seek = $('.log').dataset.seek
  markLines()
  if (line) reveal(line)
  else if (first && seek && !location.search.includes('line=')) location.replace(seek + first + location.hash)
}

function markLines() {
  const [, first, last = first] = named()
  for (const el of $$('.l[data-on]')) el.removeAttribute('data-on')
  for (const el of $$('.l')) {
    const n = Number(el.id.slice(1))
    if (el.id[0] === 'L' && n >= first && n <= last) el.dataset.on = ''
  }
}

/* Thousands of line links are no tab stops: Enter steps into the lines, the arrows walk them. */
on('keydown', '.log', (event, log) => {
  const lines = $$('.l', log).filter(line => line.offsetParent), now = lines.indexOf(document.activeElement.closest('.l'))
  const first = event.key === 'Enter' && event.target === log && lines.find(line => line.offsetTop >= log.scrollTop)
  const next = now < 0 ? first : lines[now + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] ?? NaN)]
  if (!next) return
  event.preventDefault()
  $('a', next).focus()
})

addEventListener('hashchange', goToLine)

/* The line is in sight already: it is marked, and the page stays where it is. */
on('click', '.l > a[href^="#L"]', (event, link) => {
  event.preventDefault()
  const n = Number(link.textContent), [, from = n] = named(), to = event.shiftKey ? Number(from) : n
  const range = to === n ? `#L${n}` : `#L${Math.min(n, to)}-L${Math.max(n, to)}`
  history.replaceState(history.state, '', range)
  markLines()
})
