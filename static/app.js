/*
  What a page does by itself. The server renders everything; this file asks again, remembers what was selected or opened,
  tells the time and gives the keyboard its keys. templates/base.html lists the attributes it looks for. It has no build, and
  no state that the address or the server should own.
*/
const root = document.documentElement
const byId = id => document.getElementById(id)
const $ = (query, from = document) => from.querySelector(query)
const $$ = (query, from = document) => [...from.querySelectorAll(query)]
const hear = (type, act, capture) => document.addEventListener(type, act, capture)
const on = (type, query, act) => hear(type, event => {
  const found = event.target.closest?.(query)
  if (found) act(event, found)
})
const tell = (el, type) => el.dispatchEvent(new CustomEvent(type))
const read = (key, none) => JSON.parse(sessionStorage.getItem(key)) ?? none
const write = (key, value) => sessionStorage.setItem(key, JSON.stringify(value))
const here = name => `${name}:${location.pathname}`
const rest = el => (el ?? byId('main')).focus({ preventScroll: true })
const setText = (el, text) => { if (el && el.textContent !== text) el.textContent = text }
const locale = root.lang === 'en' ? 'en-GB' : root.lang
const count = n => n.toLocaleString(locale)
/* Texts are English; a page in another language brings their translations. */
const words = JSON.parse(byId('dialogs').dataset.words ?? '{}')
const _ = globalThis._ = (text, values) => (words[text] ?? text).replace(/{(\w+)}/g, (hole, name) => values[name])

function say(text) {
  byId('status').textContent = ''
  requestAnimationFrame(() => setText(byId('status'), text))
}

function make(tag, attributes, ...children) {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) if (value != null) el.setAttribute(name, value)
  el.append(...children.filter(Boolean))
  return el
}

function icon(name) {
  const svg = $('svg.icon').cloneNode(true)
  turn(svg, name)
  return svg
}

function turn(svg, name) {
  const use = $('use', svg)
  use.setAttribute('href', use.getAttribute('href').replace(/#.*/, `#${name}`))
}

const SIGN = { success: 'completed', danger: 'error', warning: 'warning' }
const sign = tone => icon(SIGN[tone] ?? 'info')

const post = (url, values) => htmx.ajax('POST', url, { source: '#toasts', target: '#toasts', swap: 'none', values })

/* ---- Asking again: one clock for lists, a quicker one for what runs and logs ---- */

const IDLE = 5 * 60_000
const inFlight = new WeakSet(), askAgain = new WeakSet()
let timer, fails = 0, wait = 0, signedOut = false
let lastInput = Date.now(), lastAnswer = Date.now()
const period = () => 1000 * root.dataset.live
const isPoll = ctx => ctx?.sourceEvent?.type === 'poll'

function plan() {
  clearTimeout(timer)
  if (period() && !signedOut) timer = setTimeout(tick, pause())
}

function pause() {
  if (wait) return wait
  if (fails) return Math.min(60_000, 5_000 * 2 ** fails)
  // Jitter, so that a wall of tabs does not ask in step.
  return (Date.now() - lastInput > IDLE ? 60_000 : period()) * (0.9 + Math.random() / 5)
}

function tick() {
  if (document.hidden) return
  if (!navigator.onLine) return pollFailed()
  for (const el of $$('body [data-live]:not([data-log])')) if (!inFlight.has(el)) tell(el, 'poll')
  plan()
}

function tickLogs() {
  if (document.hidden || !period() || fails || signedOut) return
  for (const el of $$('[data-live]:is([data-quick], [data-log])')) tell(el, 'poll')
}

/* An answer that is already on its way may be older than what the reader just did: ask once more after it. */
function refresh() {
  for (const el of $$('body [data-live]')) inFlight.has(el) ? askAgain.add(el) : tell(el, 'poll')
  plan()
}

hear('htmx:config:request', event => {
  const { request, sourceElement: el } = event.detail.ctx
  request.headers['X-CSRFToken'] = $('meta[name="csrf-token"]').content
  if (!isPoll(event.detail.ctx)) return
  if (inFlight.has(el)) return event.preventDefault()
  if (el.dataset.tag) request.headers['If-None-Match'] = el.dataset.tag
  if ('log' in el.dataset) request.body.set('from', el.dataset.from)
})
hear('htmx:before:request', ({ detail: { ctx } }) => inFlight.add(ctx.sourceElement))
hear('htmx:finally:request', ({ detail: { ctx } }) => {
  inFlight.delete(ctx.sourceElement)
  if (askAgain.delete(ctx.sourceElement)) setTimeout(() => tell(ctx.sourceElement, 'poll'))
})
hear('htmx:after:request', event => isPoll(event.detail.ctx) ? polled(event) : answered(event.detail.ctx))
hear('htmx:error', ({ detail: { ctx } }) => {
  if (isPoll(ctx)) pollFailed()
  else if (ctx) toast({ tone: 'danger', text: _('The server did not answer. Look at the list before you try again.') })
})

function polled(event) {
  const { response, sourceElement: el } = event.detail.ctx
  wait = 1000 * (response.headers.get('Retry-After') ?? 0)
  if (response.status === 401) return sessionOver(event)
  if (response.status === 404) {
    el.removeAttribute('data-live')
    return notice('gone', 'warning', _('This was deleted while you were looking at it.'))
  }
  if (response.status >= 400) return pollFailed()
  fails = 0
  lastAnswer = Date.now()
  byId('notice-poll')?.remove()
}

function pollFailed() {
  fails++
  plan()
  if (fails < 2) return
  const at = new Date(lastAnswer).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' })
  const again = make('button', { type: 'button' }, _('Retry now'))
  again.onclick = refresh
  notice('poll', 'warning', _('Updates stopped at {at}. The server cannot be reached. Trying again in {n} s.', { at, n: Math.round(pause() / 1000) }), again)
}

/* Typed text must survive, so a poll never leads away: it says so and stops. */
function sessionOver(event) {
  event.preventDefault()
  signedOut = true
  clearTimeout(timer)
  const next = encodeURIComponent(location.pathname + location.search)
  notice('session', 'warning', _('You were signed out. Your text is kept on this page.'), make('a', { href: `/login?next=${next}` }, _('Sign in to continue')))
}

function answered({ response, hx, sourceElement: el }) {
  if (response.status < 300) {
    document.title = document.title.replace(_('Error: '), '')
    for (const area of $$('[data-draft]', el)) sessionStorage.removeItem(draftKey(area))
    const bar = el.form ?? el
    if (bar.matches('[data-bulk]')) bulkDone(bar)
  }
  if (response.status < 400 || response.status === 422 || hx.redirect || /"toast"/.test(hx.trigger)) return
  toast({ tone: 'danger', text: refusal(response) })
}

/* For answers that bring no words of their own: a proxy's, or of a server that is just stopping. */
function refusal({ status, headers }) {
  if (status < 500) return _('Not done: this is gone, or it changed, or your role does not allow it. Reload the page.')
  return _('Something failed on our side. Nothing was changed. Reference {id}', { id: headers.get('X-Request-Id')?.slice(0, 8) ?? '–' })
}

function notice(name, tone, text, action) {
  byId(`notice-${name}`)?.remove()
  byId('notices').append(make('div', { id: `notice-${name}`, class: 'banner', 'data-tone': tone }, sign(tone), make('p', {}, text), action))
}

hear('visibilitychange', () => document.hidden ? clearTimeout(timer) : period() && tick())
addEventListener('online', () => period() && tick())
for (const type of ['pointermove', 'pointerdown', 'keydown', 'wheel']) addEventListener(type, () => {
  const calm = Date.now() - lastInput > IDLE
  lastInput = Date.now()
  if (calm && period()) tick()
}, { passive: true })

/* ---- Before and after a swap ---- */

let held

hear('htmx:before:swap', ({ detail: { ctx, tasks } }) => {
  held = document.activeElement !== document.body
  for (const task of tasks) {
    keepOwnRoot(task, ctx)
    if (/Morph$/.test(task.swapSpec.style) && task.target?.id) carryOver(task, isPoll(ctx))
  }
})

/* A fragment brings its own root; an inner swap would put it inside itself. A refused form is morphed: nothing typed is lost. */
function keepOwnRoot({ fragment, target, swapSpec }, ctx) {
  const only = fragment.childElementCount === 1 && fragment.firstElementChild
  if (!only || !only.id || only.id !== target?.id || !/^inner/.test(swapSpec.style)) return
  swapSpec.style = swapSpec.style === 'innerMorph' || ctx.response?.status === 422 ? 'outerMorph' : 'outerHTML'
}

/*
  Rows that the server does not know of: opened ones, and (until the reader acts) those that no longer match, so that none
  vanishes under the pointer. Rows that newer ones pushed off the end of the page just go.
*/
function carryOver({ fragment, target }, silent) {
  const rows = $$('tr[id]:not(.group)', target), kept = row => row && fragment.getElementById(row.id)
  const pushed = $$('tr[id]', fragment).some(row => !byId(row.id))
  const end = pushed ? rows.findLastIndex(kept) : rows.length
  rows.forEach((row, at) => {
    const before = kept(rows[at - 1])
    if (kept(row)) return
    if (row.matches('.x')) before?.after(row.cloneNode())
    else if (silent && at < end && !tailing()) {
      const gone = row.cloneNode(true)
      for (const el of [gone, ...$$('.c-main .two', gone)]) el.dataset.gone = _('No longer matches')
      before ? before.after(gone) : $('tbody', fragment)?.prepend(gone)
    }
  })
}

/* A refused filter is not a place to come back to. */
hear('htmx:before:history:update', event => { if (event.detail.response?.status >= 400) event.preventDefault() })

hear('htmx:after:swap', ({ detail: { ctx } }) => {
  if (ctx.swap === 'none') return
  const target = ctx.target?.isConnected ? ctx.target : byId(ctx.target?.id) ?? document.body
  const tag = ctx.response?.headers.get('ETag')
  if (tag && isPoll(ctx) && target.matches('[data-live]')) target.dataset.tag = tag
  if (ctx.response?.status === 422) refused(target)
  else if (!isPoll(ctx)) setText(byId('q-msg'), '')
  restore()
  if (held && document.activeElement === document.body) rest()
  if (!isPoll(ctx)) return
  for (const button of $$('tr[data-running] [data-expand][aria-expanded="true"]', target)) fill(button)
  tail(target)
})

function refused(target) {
  $('.errors', target)?.focus()
  if (!document.title.startsWith(_('Error: '))) document.title = _('Error: ') + document.title
}

/* What lives in this tab is put back after every swap and load. */
function restore() {
  tellTimes()
  for (const form of $$('[data-bulk]')) showSelection(form)
  restoreRows()
  for (const area of $$('[data-draft]')) if (!area.value) area.value = read(draftKey(area), '')
  for (const box of $$('input[data-tail]')) box.checked = tailing()
  for (const log of $$('[data-log]')) import(log.dataset.log).then(output => output.setUp(log))
  for (const area of $$('[data-mentions]')) import(area.dataset.mentions).then(mentions => mentions.setUp(area))
}

/* ---- Selection: ids in the tab's storage, never in the markup ---- */

const listOf = form => byId(form.dataset.bulk)
const boxesOf = form => [...form.elements].filter(el => el.name === 'ids')
const selKey = form => here(`selected-${form.dataset.bulk}`)
const selected = form => new Set(read(selKey(form), []))
const queryOf = form => listOf(form)?.dataset.query ?? location.search.slice(1)
const matching = form => read(`${selKey(form)}*`, null) === queryOf(form)
const totalOf = form => Number(listOf(form)?.dataset.total ?? 0)
/* Beyond some number the server only says that there are more. */
const capped = form => listOf(form)?.dataset.capped !== undefined
/* A box may stand for several: "<id>*24". */
const weigh = ids => [...ids].reduce((sum, id) => sum + Number(id.split('*')[1] ?? 1), 0)
const countOf = form => matching(form) ? totalOf(form) : weigh(selected(form))
let lastBox

function select(form, ids, all = false) {
  write(selKey(form), [...ids])
  write(`${selKey(form)}*`, all ? queryOf(form) : null)
  showSelection(form)
}

function showSelection(form) {
  const ids = selected(form), all = matching(form), boxes = boxesOf(form), n = countOf(form)
  for (const box of boxes) box.checked = all || ids.has(box.value)
  const ticked = boxes.filter(box => box.checked).length
  for (const page of $$('[data-select-page]')) {
    page.checked = ticked > 0 && ticked === boxes.length
    page.indeterminate = ticked > 0 && ticked < boxes.length
  }
  n ? form.dataset.n = n : form.removeAttribute('data-n')
  const outside = all ? 0 : n - weigh(boxes.filter(box => box.checked).map(box => box.value))
  const said = outside ? _('{n} selected, {outside} not on this page', { n: count(n), outside }) : _('{n} selected', { n: count(n) + (all && capped(form) ? '+' : '') })
  setText($('[data-count]', form), n ? said : '')
  const more = $('[data-all]', form)
  if (!more) return
  more.hidden = all || !ticked || ticked < boxes.length || totalOf(form) <= n && !capped(form)
  setText(more, _('Select all {n} that match', { n: count(totalOf(form)) + (capped(form) ? '+' : '') }))
}

function tickBoxes(form, boxes, yes) {
  const ids = matching(form) ? new Set(boxesOf(form).map(box => box.value)) : selected(form)
  for (const box of boxes) yes ? ids.add(box.value) : ids.delete(box.value)
  select(form, ids)
}

on('click', 'input[name="ids"]', (event, box) => {
  if (!box.form?.matches('[data-bulk]')) return
  const boxes = boxesOf(box.form), from = event.shiftKey ? boxes.findIndex(b => b.id === lastBox) : -1, to = boxes.indexOf(box)
  tickBoxes(box.form, from < 0 ? [box] : boxes.slice(Math.min(from, to), Math.max(from, to) + 1), box.checked)
  lastBox = box.id
})
on('click', '[data-select-page]', (event, box) => { for (const form of $$('[data-bulk]')) tickBoxes(form, boxesOf(form), box.checked) })
on('click', '[data-bulk] [data-all]', (event, button) => select(button.form, boxesOf(button.form).map(box => box.value), true))
on('click', '[data-bulk] [data-none]', (event, button) => bulkDone(button.form))

/* Both a plain submit and htmx build a FormData: one place says what is sent, also rows on other pages. */
hear('formdata', ({ target: form, formData }) => {
  if (!form.matches('[data-bulk]')) return
  formData.delete('ids')
  if (matching(form)) {
    formData.set('scope', 'matching')
    formData.set('query', queryOf(form))
    formData.set('expected', totalOf(form))
  } else for (const id of selected(form)) formData.append('ids', id)
})

/* A file is the browser's own to fetch. */
hear('submit', event => { if (event.submitter?.matches('[data-plain]')) event.stopImmediatePropagation() }, true)

/* The focus goes back to where the selecting ended. */
function bulkDone(form) {
  const row = byId(lastBox)?.closest('tr')
  select(form, [])
  rest(row && $('a', row))
}

/* ---- Opened rows, new rows ---- */

const below = button => button.id.replace('m-', 'x-')

function openRow(button, yes) {
  const row = button.closest('tr'), id = below(button)
  button.setAttribute('aria-expanded', yes)
  if (!yes) return byId(id)?.remove()
  if (byId(id)) return
  row.after(make('tr', { id, class: 'x', 'hx-morph-skip': '' }, make('td', { colspan: row.cells.length }, _('Loading…'))))
  button.setAttribute('aria-controls', id)
  fill(button)
}

async function fill(button) {
  const cell = byId(below(button)).firstElementChild
  await htmx.ajax('GET', button.dataset.expand, { source: cell, target: cell, swap: 'innerMorph' })
  if (!cell.childElementCount) setText(cell, _('This could not be loaded. Close it and open it again.'))
}

function restoreRows() {
  const open = read(here('open'), [])
  for (const button of $$('[data-expand]')) if (open.includes(button.id)) openRow(button, true)
}

on('click', '[data-expand]', (event, button) => {
  const yes = button.getAttribute('aria-expanded') !== 'true', open = new Set(read(here('open'), []))
  yes ? open.add(button.id) : open.delete(button.id)
  write(here('open'), [...open])
  openRow(button, yes)
})

const tailing = () => root.dataset.tail === 'on'
on('change', 'input[data-tail]', (event, box) => keepPref('tail', box.checked ? 'on' : 'off'))

/* New rows are shown at once only to who asked for that, and is at the top with nothing in hand. */
function tail(list) {
  const pill = $('.newrows a', list), busy = $('.x, input[name="ids"]:checked', list)
  if (pill && tailing() && !busy && scrollY < 200 && !/[?&](after|before)=/.test(location.search)) pill.click()
}

/* ---- Times ---- */

const STEPS = [['second', 60], ['minute', 60], ['hour', 24], ['day', 7], ['week', 4.35], ['month', 12], ['year', Infinity]]
// Only seconds are said in words ("now"): what is 40 hours away is "in 1 day", but hardly ever "tomorrow".
const relative = numeric => new Intl.RelativeTimeFormat(locale, { numeric, style: 'short' })
const soon = relative('auto'), later = relative('always')
const zone = root.dataset.tz && root.dataset.tz !== 'browser' ? root.dataset.tz : undefined
const format = timeZone => new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false, timeZone })
const own = format(zone), utc = format('UTC')

function ago(date) {
  let n = (date - Date.now()) / 1000
  for (const [unit, size] of STEPS) {
    if (Math.abs(n) < size) return (unit === 'second' ? soon : later).format(Math.trunc(n), unit).replace('.', '')
    n /= size
  }
}

const lasting = seconds => [seconds / 3600, seconds / 60 % 60, seconds % 60].map(Math.floor)
  .filter((n, i) => n || i).map((n, i) => i ? String(n).padStart(2, '0') : n).join(':')

function tellTimes() {
  for (const el of $$('time[data-rel], time[data-abs]')) {
    const at = new Date(el.dateTime)
    setText(el, 'rel' in el.dataset && root.dataset.times !== 'absolute' ? ago(at) : own.format(at))
  }
  tellSeconds()
}

on('pointerover', 'time', (event, el) => {
  const at = new Date(el.dateTime)
  el.title = `${own.format(at)} · ${utc.format(at)} UTC`
})

function tellSeconds() {
  if (document.hidden) return
  for (const el of $$('[data-since]')) setText(el, lasting(Math.max(0, (Date.now() - new Date(el.dataset.since)) / 1000)))
  const old = Math.round((Date.now() - lastAnswer) / 1000)
  const age = old < 60 ? old + ' s' : Math.floor(old / 60) + ' min'
  for (const el of $$('[data-age]')) setText(el, _('updated {age} ago', { age }))
}

/* ---- Messages ---- */

function toast({ text, tone = 'info', undo, href, label = _('Show') }) {
  const button = (content, attributes, act) => {
    const el = make('button', { type: 'button', class: 'btn small', ...attributes }, content)
    el.onclick = () => { box.remove(); act?.(); rest() }
    return el
  }
  const box = make('div', { class: 'toast', 'data-tone': tone, tabindex: -1 }, sign(tone), make('p', {}, text),
    undo && button(_('Undo'), {}, () => post(undo.url, { token: undo.token })),
    href && make('a', { class: 'btn small', href }, label),
    button(icon('close'), { class: 'btn quiet small square', 'aria-label': _('Close') }))
  // Lifted above an open dialog each time: the top layer is ordered by who came last.
  const region = byId('toasts')
  region.hidePopover?.()
  region.showPopover?.()
  region.append(box)
  if (region.childElementCount > 4) region.firstElementChild.remove()
  if (tone !== 'danger') expire(box, undo ? 10_000 : 6_000)
}

function expire(box, ms) {
  let clock
  const start = () => { clock = setTimeout(() => box.remove(), ms) }
  for (const type of ['mouseenter', 'focusin']) box.addEventListener(type, () => clearTimeout(clock))
  for (const type of ['mouseleave', 'focusout']) box.addEventListener(type, start)
  start()
}

/* A message that offers to take something back has said its word once it was taken at it. */
on('click', '#notices [form="act"]', (event, button) => setTimeout(() => button.closest('.banner').remove()))
hear('toast', ({ detail }) => toast(detail))
hear('list:refresh', ({ detail }) => {
  if (detail.keep) for (const form of $$('[data-bulk]')) select(form, detail.keep)
  refresh()
})
hear('news', ({ detail: { n, label } }) => {
  byId('bell').dataset.n = n
  byId('bell').ariaLabel = label
})
hear('dialog:close', () => byId('dialog').close())
hear('counts', ({ detail: { failed = 0, running = 0 } }) => {
  document.title = (failed ? `(${failed} failed) ` : '') + document.title.replace(/\(\d+ failed\) /, '')
  const link = $('link[rel="icon"]'), href = link.dataset[failed ? 'fail' : running ? 'run' : 'ok']
  if (link.getAttribute('href') !== href) link.href = href
})

/* ---- Dialogs ---- */

on('click', 'a[data-dialog]', async (event, link) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  const dialog = byId('dialog'), body = byId('dialog-body')
  body.replaceChildren()
  await htmx.ajax('GET', link.getAttribute('href'), { source: body, target: body, swap: 'innerHTML' })
  if (!body.childElementCount) return
  setText(byId('dialog-title'), link.dataset.dialog || link.textContent.trim())
  delete dialog.dataset.typed
  link.focus()
  openDialog(dialog)
  $('[autofocus], input:not([type="hidden"]), select, textarea', body)?.focus()
})
on('input', '#dialog', (event, dialog) => { dialog.dataset.typed = '' })
on('click', '[data-open]', (event, button) => openDialog(byId(button.dataset.open)))
on('click', 'dialog [data-close]', (event, button) => { event.preventDefault(); leave(button.closest('dialog')) })
hear('cancel', event => {
  if (event.target.dataset.typed === undefined) return
  event.preventDefault()
  leave(event.target)
}, true)

function openDialog(dialog) {
  for (const menu of $$('.menu[open]')) menu.open = false
  if (!dialog.open) dialog.showModal()
}

async function leave(dialog) {
  if (dialog.dataset.typed !== undefined && !await ask({ title: _('Leave without saving?'), text: _('What you typed here will be lost.'), yes: _('Leave') })) return
  delete dialog.dataset.typed
  dialog.close()
}

function ask({ title, text = '', yes = _('Continue'), type = '' }) {
  const dialog = byId('confirm'), word = byId('confirm-word'), button = byId('confirm-yes')
  setText(byId('confirm-title'), title)
  setText(byId('confirm-text'), text)
  setText(button, yes)
  setText($('label', dialog), `Type ${type} to confirm`)
  word.parentElement.hidden = !type
  word.value = ''
  const check = () => { button.disabled = Boolean(type) && word.value.trim() !== type }
  word.oninput = check
  check()
  dialog.returnValue = ''
  dialog.showModal()
  return new Promise(done => dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true }))
}

/* Caught before htmx and the browser see the click; a yes clicks once more. */
let agreed
hear('click', async event => {
  const el = event.target.closest?.('[data-confirm]')
  if (!el) return
  if (el === agreed) { agreed = null; return }
  event.preventDefault()
  event.stopImmediatePropagation()
  const n = el.form?.matches('[data-bulk]') ? countOf(el.form) : 1
  const fill = text => text.replace('{n}', count(n))
  const [title, ...text] = fill(el.dataset.confirm).split('\n')
  const type = el.dataset.type ?? (n > 100 ? String(n) : '')
  if (!await ask({ title, text: text.join(' '), yes: fill(el.dataset.yes ?? _('Continue')), type })) return
  agreed = el
  el.click()
}, true)

hear('toggle', ({ target: menu }) => {
  const items = menu.open && menu.dataset.menu && $('.menuitems', menu)
  if (items) htmx.ajax('GET', menu.dataset.menu, { source: items, target: items, swap: 'innerHTML' })
}, true)
hear('click', event => {
  for (const menu of $$('.menu[open]')) {
    const inside = menu.contains(event.target)
    if (!inside || event.target.closest('.menuitems :is(a, button)')) menu.open = false
  }
})

/* ---- Preferences, copy, drafts ---- */

function prefer(name, value) {
  root.dataset[name] = value
  document.cookie = `muster_${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax`
}

function keepPref(name, value) {
  prefer(name, value)
  post('/me/prefs', { [name]: value })
}

on('change', '[data-prefs]', ({ target }) => {
  prefer(target.name, target.value)
  if (target.name !== 'live') return
  period() ? refresh() : clearTimeout(timer)
})
on('click', '[data-fold]', () => {
  keepPref('rail', root.dataset.rail === 'narrow' ? 'wide' : 'narrow')
})

on('click', '[data-copy]', async (event, button) => {
  const text = button.dataset.copy || byId(button.dataset.from).textContent
  say(await copy(text, button) ? _('Copied') : _('Press Ctrl+C to copy'))
  turn(button, 'check')
  setTimeout(() => turn(button, 'copy'), 2000)
})

/* The clipboard API exists only over TLS and on localhost; fleets often have neither. */
async function copy(text, near) {
  try { await navigator.clipboard.writeText(text); return true } catch { /* the old way, below */ }
  const area = near.parentElement.appendChild(make('textarea', { class: 'sr', readonly: '' }))
  area.value = text
  area.select()
  const done = document.execCommand('copy')
  if (done) { area.remove(); near.focus() }
  return done
}

on('keydown', 'textarea', (event, area) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) area.form.requestSubmit() })
const draftKey = area => here(`draft-${area.dataset.draft}`)
on('input', '[data-draft]', (event, area) => write(draftKey(area), area.value))

/* ---- Palette ---- */

function openPalette() {
  const palette = byId('palette'), field = byId('palette-q')
  openDialog(palette)
  field.select()
  tell(field, 'open')
  import(palette.dataset.script)
}

on('click', '[data-palette]', event => { event.preventDefault(); openPalette() })

/* ---- Keyboard ---- */

const PLACES = { d: '/', t: '/tasks', a: '/agents', s: '/tasks/schedules' }
const rows = () => $$('main tbody tr[id]:not(.x)').filter(row => row.offsetParent)
const rowNow = () => document.activeElement.closest('tr[id]')
let chord = 0

const goTo = row => row && $('a[id^="a-"], a', row)?.focus()
const step = by => goTo(rowNow() ? rows()[rows().indexOf(rowNow()) + by] : rows()[0])
const press = (query, shiftKey = false) => { const el = rowNow() && $(query, rowNow()); el?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, shiftKey })) }

function nextFailure() {
  const failed = rows().filter(row => $('[data-code="failed"]', row))
  goTo(failed[(failed.indexOf(rowNow()) + 1) % failed.length])
}

function selectAll() {
  const form = $('[data-bulk]'), more = form && $('[data-all]:not([hidden])', form)
  if (more) more.click()
  else if (form) tickBoxes(form, boxesOf(form), true)
}

const KEYS = {
  '/': () => (byId('q') ?? byId('top-q')).focus(),
  '?': () => openDialog(byId('keys')),
  g: () => { chord = Date.now() },
  j: () => step(1), k: () => step(-1),
  o: () => press('a[id^="a-"]'), e: () => press('[data-expand]'),
  x: () => press('input[name="ids"]'), X: () => press('input[name="ids"]', true),
  a: selectAll, b: () => $('[data-bulk][data-n] button[data-confirm]')?.focus(), f: nextFailure, r: refresh,
  '.': () => {
    const menu = rowNow() && $('.menu', rowNow())
    if (menu) menu.open = true
    $(':is(a, button)', menu ?? $('.pagehead .actions') ?? undefined)?.focus()
  },
  m: () => { const text = byId('note-text'); text ? text.focus() : byId('tab-notes')?.click() },
  p: () => { const pick = byId('live'); pick.value = period() ? 0 : 10; pick.dispatchEvent(new Event('change', { bubbles: true })); say(period() ? _('Live updates on') : _('Live updates paused')) },
  t: () => byId('toasts').lastElementChild?.focus(),
}

hear('keydown', event => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'k' && byId('palette')) { event.preventDefault(); return openPalette() }
  if (event.key === 'F6' && byId('toasts').childElementCount) { event.preventDefault(); return KEYS.t() }
  if (event.key === 'Escape') return escape()
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (root.dataset.shortcuts === 'off' || $('dialog[open]') || event.target.closest?.('input:not([type="checkbox"], [type="radio"]), textarea, select')) return
  const place = Date.now() - chord < 1500 && PLACES[event.key]
  const button = $(`[data-key="${CSS.escape(event.key)}"]`)
  if (!place && !button && !KEYS[event.key]) return
  event.preventDefault()
  chord = 0
  if (place) location.assign($(`#nav a[href^="${place}?"]`)?.href ?? place)
  else if (button) button.click()
  else KEYS[event.key]()
})

function escape() {
  const menu = $('.menu[open]')
  if (menu) { menu.open = false; return $('summary', menu).focus() }
  if (!$('dialog[open], :popover-open:not(#toasts)')) for (const form of $$('[data-bulk][data-n]')) select(form, [])
}

restore()
$('.errors')?.focus()
plan()
setInterval(tellTimes, 30_000)
setInterval(tellSeconds, 1_000)
setInterval(tickLogs, 1_000)
