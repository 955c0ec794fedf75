// What the reader can do, by hand, by keys and by the address.

function choose(place, {keep = false} = {}) {
  view.step = place;
  showPanels();
  if (plan && view.view === 'chart') {
    if (place >= 0 && !plan.shown[place]) bringBack(place);
    if (place >= 0) reveal(place);
    paint();
  }
  if (!keep) remember();
}

// An event that is chosen is shown, whatever was folded or filtered away.
function bringBack(place) {
  const event = events[place];
  view.hidden.delete(event.lane);
  view.kinds.delete(event.kind);
  lay();
  showFilter();
}

function stepBy(count) {
  const shown = plan.rows.filter((row) => row.event).map((row) => row.event.place);
  if (!shown.length) return;
  const here = view.step < 0 ? (count > 0 ? -1 : shown.length) : shown.indexOf(view.step);
  choose(shown[Math.max(0, Math.min(shown.length - 1, here + count))]);
}

function stepInLane(direction) {
  const next = view.step < 0 ? -1 : events[view.step][direction];
  if (next >= 0) choose(next);
}

function otherEnd() {
  const link = links.find((one) => one.from === view.step && one.to >= 0) || links.find((one) => one.to === view.step);
  if (link) choose(link.from === view.step ? link.to : link.from);
}

function edge(last) {
  const shown = plan.rows.filter((row) => row.event);
  if (shown.length) choose(shown[last ? shown.length - 1 : 0].event.place);
}

// -- find and filter -----------------------------------------------------------------------------------------------------

const matches = () => events.filter(matching).map((event) => event.place);

function find(text) {
  view.find = text;
  lay();
  const count = text ? matches().length : 0;
  byId('found').textContent = text ? `${count}` : '';
  remember();
}

function nextMatch(back) {
  const places = matches();
  if (!places.length) return;
  const next = back ? places.filter((place) => place < view.step).at(-1) : places.find((place) => place > view.step);
  choose(next === undefined ? places[back ? places.length - 1 : 0] : next);
}

function checkbox(text, count, hidden, value) {
  const label = document.createElement('label');
  const box = Object.assign(document.createElement('input'), {type: 'checkbox', checked: !hidden.has(value)});
  box.addEventListener('change', () => {
    if (box.checked) hidden.delete(value);
    else hidden.add(value);
    refresh();
  });
  label.append(box, put('span', text), put('small', count));
  return label;
}

function showFilter() {
  const kinds = [...new Set(events.map((event) => event.kind))];
  const legend = (id) => byId(id).querySelector('legend');
  byId('actors').replaceChildren(legend('actors'), ...lanes.map((name, lane) => checkbox(name, ofLane[lane].length, view.hidden, lane)));
  byId('kinds').replaceChildren(legend('kinds'), ...kinds.map((kind) =>
    checkbox(kind, events.filter((event) => event.kind === kind).length, view.kinds, kind)));
  const count = view.hidden.size + view.kinds.size;
  byId('filter-count').textContent = count ? ` · ${count} off` : '';
}

// -- the address -----------------------------------------------------------------------------------------------------------

function remember() {
  const said = [];
  const say = (key, value) => value && said.push(`${key}=${value}`);
  const list = (values) => values.map(encodeURIComponent).join(',');
  say('view', view.view === data.view ? '' : view.view);
  say('step', view.step < 0 ? '' : view.step + 1);
  say('hide', list([...view.hidden].map((lane) => lanes[lane])));
  say('without', list([...view.kinds]));
  say('find', encodeURIComponent(view.find));
  say('rest', view.rest === 'fold' ? '' : view.rest);
  say('zoom', view.zoom === usualZoom ? '' : `${view.zoom}`);
  say('theme', view.theme === 'auto' ? '' : view.theme);
  try {
    window.history.replaceState(null, '', `#${said.join('&')}`);
  } catch {
    // a page within a frame may not change its address
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function recall() {
  const said = new Map(window.location.hash.slice(1).split('&').filter(Boolean).map((part) => {
    const cut = part.indexOf('=');
    return cut < 0 ? [part, ''] : [part.slice(0, cut), part.slice(cut + 1)];
  }));
  const list = (key) => said.get(key).split(',').filter(Boolean).map(decoded);
  const one = (key, allowed) => {
    if (allowed.includes(said.get(key))) view[key] = said.get(key);
  };
  one('view', ['chart', 'operations', 'table']);
  one('rest', ['fold', 'dim', 'all']);
  one('theme', ['auto', 'light', 'dark']);
  if (ZOOMS[said.get('zoom')]) view.zoom = +said.get('zoom');
  if (said.has('hide')) view.hidden = new Set(list('hide').filter((name) => laneNamed.has(name)).map((name) => laneNamed.get(name)));
  if (said.has('without')) view.kinds = new Set(list('without').filter((kind) => data.kinds.includes(kind)));
  if (said.has('find')) view.find = byId('find').value = decoded(said.get('find'));
  const step = Number(said.get('step'));
  view.step = Number.isInteger(step) && step >= 1 && step <= events.length ? step - 1 : -1;
}

// -- all of it ---------------------------------------------------------------------------------------------------------------

function refresh() {
  document.documentElement.dataset.theme = view.theme;
  for (const tab of document.querySelectorAll('[role=tab]')) {
    const chosen = tab.dataset.view === view.view;
    tab.setAttribute('aria-selected', chosen);
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute('aria-controls')).hidden = !chosen;
  }
  for (const button of document.querySelectorAll('[data-rest]')) {
    button.setAttribute('aria-checked', button.dataset.rest === view.rest);
    button.tabIndex = button.dataset.rest === view.rest ? 0 : -1;
  }
  byId('zoom-out').disabled = view.zoom === 0;
  byId('zoom-in').disabled = view.zoom === ZOOMS.length - 1;
  document.body.dataset.view = view.view;
  if (view.view === 'chart') lay();
  showFilter();
  choose(view.step);
}

function set(key, value) {
  view[key] = value;
  if (key === 'rest') view.open.clear();
  refresh();
}

const cycle = (values, value) => values[(values.indexOf(value) + 1) % values.length];
const zoomBy = (count) => set('zoom', Math.max(0, Math.min(ZOOMS.length - 1, view.zoom + count)));
const changeTheme = () => set('theme', cycle(['auto', 'light', 'dark'], view.theme));
const hasRest = events.some((event) => isRest(event.place));

const KEYS = {
  j: () => stepBy(1), ArrowDown: () => stepBy(1), k: () => stepBy(-1), ArrowUp: () => stepBy(-1),
  PageDown: () => stepBy(15), PageUp: () => stepBy(-15),
  n: () => stepInLane('after'), p: () => stepInLane('before'), Home: () => edge(false), End: () => edge(true),
  '/': () => byId('find').focus(), c: () => hasRest && set('rest', cycle(['fold', 'dim', 'all'], view.rest)),
  '+': () => zoomBy(1), '=': () => zoomBy(1), '-': () => zoomBy(-1), t: changeTheme,
  Escape: () => (byId('filter').open ? closeFilter() : choose(-1)), '?': () => byId('help').showModal(),
};

function closeFilter() {
  byId('filter').open = false;
  byId('filter').querySelector('summary').focus();
}

document.addEventListener('keydown', (key) => {
  const at = key.target;
  if (key.ctrlKey || key.metaKey || key.altKey || byId('help').open) return;
  if (at.id === 'find') {
    if (key.key === 'Enter') nextMatch(key.shiftKey);
    else if (key.key === 'Escape') { at.value = ''; find(''); chart.focus(); } else return;
    key.preventDefault();
    return;
  }
  const arrows = at.matches('input, summary, [role=tab], [role=radio], .source, .source *');
  if (arrows && /^(Arrow|Home|End|Page)/.test(key.key)) return roving(key);
  if (view.view !== 'chart' && !'?t'.includes(key.key)) return;
  if (/^(Arrow|Home|End|Page)/.test(key.key) && view.step < 0 && !at.closest('.stage')) return; // they scroll the page
  if (key.key === 'Enter' && at === chart) otherEnd();
  else if (KEYS[key.key]) KEYS[key.key]();
  else return;
  key.preventDefault();
});

// Arrow keys within a row of tabs or of choices, as everywhere.
function roving(key) {
  const group = key.target.closest('[role=tablist], [role=radiogroup]');
  const way = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[key.key];
  if (!group || !way) return;
  const all = [...group.querySelectorAll('button:not([hidden])')];
  const next = all[(all.indexOf(key.target) + way + all.length) % all.length];
  next.focus();
  next.click();
  key.preventDefault();
}

function listen() {
  const on = (id, kind, action) => byId(id).addEventListener(kind, action);
  on('first', 'click', () => edge(false));
  on('last', 'click', () => edge(true));
  on('back', 'click', () => stepBy(-1));
  on('on', 'click', () => stepBy(1));
  on('scrub', 'input', (change) => choose(+change.target.value === events.length + 1 ? -1 : +change.target.value - 1));
  on('find', 'input', (change) => find(change.target.value));
  on('zoom-in', 'click', () => zoomBy(1));
  on('zoom-out', 'click', () => zoomBy(-1));
  on('theme', 'click', changeTheme);
  on('help-button', 'click', () => byId('help').showModal());
  on('show-all', 'click', () => { view.hidden.clear(); view.kinds.clear(); refresh(); });
  for (const tab of document.querySelectorAll('[role=tab]')) tab.addEventListener('click', () => set('view', tab.dataset.view));
  for (const button of document.querySelectorAll('[data-rest]')) button.addEventListener('click', () => set('rest', button.dataset.rest));
  for (const button of document.querySelectorAll('.copy')) button.addEventListener('click', () => copy(button));
  document.addEventListener('click', (click) => { if (!byId('filter').contains(click.target)) byId('filter').open = false; });
  chart.addEventListener('scroll', () => draw(), {passive: true});
  canvas.addEventListener('click', (click) => {
    const row = click.target.closest('.row');
    if (row) choose(+row.dataset.place === view.step ? -1 : +row.dataset.place);
  });
  canvas.addEventListener('pointermove', hover);
  canvas.addEventListener('pointerleave', () => hover(null));
  window.addEventListener('resize', () => { if (view.view === 'chart') lay(); });
  window.addEventListener('hashchange', () => { recall(); refresh(); });
  window.addEventListener('beforeprint', () => { if (view.view === 'chart') draw(true); });
  window.addEventListener('afterprint', () => { if (view.view === 'chart') lay(); });
}

function hover(move) {
  const row = move && move.pointerType !== 'touch' && move.target.closest('.row');
  const place = row ? +row.dataset.place : -1;
  const tip = byId('tip');
  if (place !== view.hover) {
    view.hover = place;
    paint();
    tip.hidden = place < 0;
    if (place >= 0) {
      const event = events[place];
      const how = view.step >= 0 && place !== view.step ? ` · ${sayRelation(place)}` : '';
      tip.replaceChildren(put('code', textOf(event)), put('small', `${[lanes[event.lane], `step ${place + 1}`, ...when(event)].join(' · ')}${how}`));
    }
  }
  if (place >= 0) {
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.min(move.clientX + 16, window.innerWidth - box.width - 8)}px`;
    tip.style.top = `${move.clientY + box.height + 28 > window.innerHeight ? move.clientY - box.height - 12 : move.clientY + 18}px`;
  }
}

function sayRelation(place) {
  const how = relations(view.step).of(place);
  return {past: `could have caused step ${view.step + 1}`, future: `could have been caused by step ${view.step + 1}`}[how] || `concurrent with step ${view.step + 1}`;
}

async function copy(button) {
  const text = data.copies[button.dataset.copy];
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = Object.assign(document.createElement('textarea'), {value: text});
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  button.textContent = 'Copied';
  button.classList.add('done');
  setTimeout(() => { button.textContent = 'Copy'; button.classList.remove('done'); }, 1600);
}

byId('rest').hidden = !hasRest;
byId('about').hidden = !data.focus.length;
byId('scrub').max = events.length + 1; // the last place stands for the end
const usualZoom = lanes.length > 16 ? 0 : events.length > 400 || lanes.length > 8 ? 1 : 2;
view.zoom = usualZoom;
recall();
listen();
document.documentElement.classList.add('ready');
refresh();
const source = document.querySelector('.source');
const shownLine = source && byId(`line-${source.dataset.line}`);
if (shownLine) source.scrollTop = Math.max(0, shownLine.offsetTop - source.offsetTop - 120);
