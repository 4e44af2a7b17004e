/*
  The output of a task: following what is written, finding in it, leading to a line. Loaded by app.js where a page has a
  [data-log]; asking for more is app.js's clock, and the end of the task arrives as the event log:next {from, done, text}.
*/
const byId = id => document.getElementById(id)
const $ = (query, from = document) => from.querySelector(query)
const $$ = (query, from = document) => [...from.querySelectorAll(query)]
const on = (type, query, act) => document.addEventListener(type, event => {
  const found = event.target.closest?.(query)
  if (found) act(event, found)
})

/* ---- Following ---- */

const atEnd = log => log.scrollHeight - log.scrollTop - log.clientHeight < 40
const isLive = log => 'live' in log.dataset

export function setUp(log) {
  if (log.following !== undefined) return
  log.following = isLive(log)
  setTimes(log, localStorage.getItem('output-times') ?? 'off')
  setWrap(log, localStorage.getItem('output-wrap') !== 'no')
  // Chunks get their true height only when they come into view, so the end moves.
  new ResizeObserver(() => { if (log.following) log.scrollTop = log.scrollHeight }).observe(log.firstElementChild)
  log.addEventListener('scroll', () => follow(log, atEnd(log)), { passive: true })
  follow(log, log.following)
  goToLine()
}

function follow(log, yes) {
  const lines = $$('.l', log).length
  if (yes) log.seen = lines
  log.following = yes && isLive(log)
  const mark = $(`[data-follow="${log.id}"]`), resume = $('.resume', log), missed = lines - log.seen
  mark.hidden = !isLive(log)
  mark.toggleAttribute('data-on', yes)
  mark.lastElementChild.textContent = yes ? 'Following' : 'Paused'
  resume.hidden = yes || !isLive(log)
  $('span', resume).textContent = missed ? `Resume · ${missed.toLocaleString()} new` : 'Resume following'
}

on('click', '.resume button', (event, button) => {
  const log = button.closest('.log')
  log.scrollTop = log.scrollHeight
  log.focus()
})

document.addEventListener('log:next', ({ target: log, detail }) => {
  log.dataset.from = detail.from
  if (detail.done) {
    log.removeAttribute('data-live')
    byId('status').textContent = detail.text ?? 'Finished'
  }
  follow(log, log.following || atEnd(log))
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
  for (const el of $$('.find output')) el.textContent = hits.length ? `${hit + 1}/${hits.length}` : word && 'None'
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
function goToLine() {
  const [, first, last = first] = location.hash.match(/^#L(\d+)(?:-L(\d+))?$/) ?? []
  for (const el of $$('.l[data-on]')) el.removeAttribute('data-on')
  if (!first) return
  const line = byId(`L${first}`), seek = $('.log').dataset.seek
  if (!line && seek && !location.search.includes('line=')) location.replace(seek + first + location.hash)
  if (!line) return
  for (let n = Number(first); n <= Number(last); n++) byId(`L${n}`)?.setAttribute('data-on', '')
  reveal(line)
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
on('click', '.l > a', (event, link) => {
  const [, first] = location.hash.match(/^#L(\d+)/) ?? []
  if (!event.shiftKey || !first) return
  event.preventDefault()
  const [from, to] = [Number(first), Number(link.textContent)].sort((a, b) => a - b)
  history.replaceState(history.state, '', `#L${from}-L${to}`)
  goToLine()
})
