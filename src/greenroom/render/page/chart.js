// The chart: which events have a row, where everything is, and only those rows that can be seen.
const view = {step: -1, hover: -1, rest: 'fold', find: '', hidden: new Set(), kinds: new Set(), open: new Set(), zoom: 2, view: data.view, theme: 'auto'};
const ZOOMS = [{height: 19, font: 11, least: 92, most: 180}, {height: 24, font: 11.5, least: 104, most: 220},
  {height: 30, font: 12, least: 116, most: 280}, {height: 39, font: 14, least: 190, most: 380}];
const chart = byId('chart');
const heads = Object.assign(document.createElement('div'), {className: 'heads'});
const canvas = Object.assign(document.createElement('div'), {className: 'canvas'});
heads.setAttribute('aria-hidden', 'true');
chart.append(heads, canvas);
let plan = null;
let drawn = {from: -1, to: -1, parts: [], rows: new Map()};

const folds = () => view.rest === 'fold';
const repeats = data.repeats || [Infinity, ''];
const isRest = (place) => place > repeats[0] || (matters ? !matters.has(place) : stops.has(place));
const matching = (event) => view.find && `${lanes[event.lane]} ${textOf(event)}`.toLowerCase().includes(view.find.toLowerCase());

// The rows: an event each, or a fold that stands for several.
function rowsOf() {
  const rows = [];
  const close = (fold) => (fold.length === 1 ? {event: events[fold[0]]} : {fold});
  let fold = [];
  for (const event of events) {
    if (view.hidden.has(event.lane) || view.kinds.has(event.kind)) continue;
    const place = event.place;
    if (folds() && isRest(place) && !view.open.has(place) && place !== view.step && !matching(event)) {
      fold.push(place);
      continue;
    }
    if (fold.length) rows.push(close(fold));
    fold = [];
    rows.push({event});
  }
  if (fold.length) rows.push(close(fold));
  return rows;
}

function lay() {
  const zoom = ZOOMS[view.zoom];
  const rows = rowsOf();
  const rowOf = new Int32Array(events.length);
  const shown = new Uint8Array(events.length);
  let acting = new Set(data.waits.flatMap(([who, whom]) => [who, whom]));
  rows.forEach((row, number) => {
    for (const place of row.fold || [row.event.place]) rowOf[place] = number;
    if (row.event) {
      shown[row.event.place] = 1;
      acting.add(row.event.lane);
    }
  });
  for (const link of links) if (shown[link.from]) acting.add(link.lane);
  for (let place = 1; place < events.length; place += 1) if (!rowOf[place] && !shown[place]) rowOf[place] = rowOf[place - 1];
  const columns = lanes.map((_, lane) => lane).filter((lane) => acting.has(lane) && !view.hidden.has(lane));
  const gutter = narrow() ? 54 : timed ? 130 : 74;
  // The texts of the last lane have no other lane to run on over.
  const longest = Math.max(0, ...rows.map((row) => (row.event && row.event.lane === columns.at(-1) ? row.event.label.length : 0)));
  const count = Math.max(1, columns.length);
  const spare = chart.clientWidth - gutter - 8 - count * zoom.least;
  const edge = Math.max(0, Math.min(150, spare, longest * zoom.font * 0.62 + 36 - (chart.clientWidth - gutter) / count));
  const room = (chart.clientWidth - gutter - edge - 8) / count;
  const lane = room >= zoom.least ? Math.min(room, zoom.most * 1.35) : zoom.least * (narrow() ? 1 : 1.2);
  const column = new Map(columns.map((name, place) => [name, place]));
  const height = zoom.height;
  const end = rows.length * height + 10;
  const y = (row) => row * height + height / 2 + 4;
  const startOf = new Map(events.filter((event) => event.kind === 'start').map((event) => [laneNamed.get(event.target), event.place]));
  plan = {
    rows, rowOf, shown, lanes: columns, height, end, y, font: zoom.font, lane, gutter,
    width: Math.max(chart.clientWidth - 2, gutter + lane * columns.length + edge),
    x: (name) => gutter + 14 + lane * column.get(name),
    shows: (name) => column.has(name),
    begins: (name) => (startOf.has(name) ? y(rowOf[startOf.get(name)]) : 0),
    ends: (name) => (/^(done|)$/.test(data.endings[name]) && ofLane[name].length ? y(rowOf[ofLane[name].at(-1)]) : end),
  };
  drawHeads();
  canvas.style.height = `${end + endHeight()}px`;
  canvas.style.width = heads.style.width = `${plan.width}px`;
  chart.style.setProperty('--gutter', `${plan.gutter - 2}px`);
  canvas.style.fontSize = `${zoom.font}px`;
  drawn = {from: -1, to: -1, parts: [], rows: new Map()};
  draw();
}

const narrow = () => window.innerWidth < 700;

function drawHeads() {
  heads.replaceChildren(put('span', '', 'corner'), ...plan.lanes.map((lane) => {
    const head = put('span', lanes[lane], data.focus.includes(lane) ? 'about' : '');
    head.style.left = `${plan.x(lane) - 5}px`;
    head.style.maxWidth = `${plan.lane - 12}px`;
    head.title = lanes[lane];
    return head;
  }));
}

function put(name, text, kind = '') {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

// Builds the rows around the visible ones; all of them for print.
function draw(everything = false) {
  const top = chart.scrollTop;
  const reachable = chart.clientHeight || 600;
  const last = plan.rows.length - 1;
  const from = everything ? 0 : Math.max(0, Math.floor(top / plan.height) - 12);
  const to = everything ? last : Math.min(last, Math.ceil((top + reachable) / plan.height) + 12);
  if (from === drawn.from && to === drawn.to) return;
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  drawn = {from, to, parts: drawLines(svg, plan, from, Math.max(from, to)), rows: new Map()};
  const made = [svg];
  for (let row = from; row <= to; row += 1) made.push(plan.rows[row].fold ? foldRow(row) : eventRow(row));
  made.push(endings());
  canvas.replaceChildren(...made);
  paint();
}

function foldRow(row) {
  const {fold} = plan.rows[row];
  const ends = fold.every((place) => stops.has(place));
  const text = fold[0] > repeats[0] ? repeats[1] : ends ? `then the actors are stopped: ${fold.length} events` : `${fold.length} events that did not lead to the failure`;
  const made = put('div', '', 'fold');
  made.append(put('span', text));
  made.setAttribute('role', 'option');
  made.setAttribute('aria-selected', 'false');
  made.setAttribute('aria-label', `${text}, folded`);
  Object.assign(made.style, {top: `${plan.y(row) - plan.height / 2}px`, height: `${plan.height}px`, lineHeight: `${plan.height}px`, cursor: 'pointer'});
  made.addEventListener('click', () => unfold(fold));
  return made;
}

function eventRow(row) {
  const {event} = plan.rows[row];
  const made = put('div', '', 'row');
  made.id = `row-${event.place + 1}`;
  made.dataset.place = event.place;
  made.setAttribute('role', 'option');
  made.setAttribute('aria-posinset', row + 1);
  made.setAttribute('aria-setsize', plan.rows.length);
  made.setAttribute('aria-label', `${[`Step ${event.place + 1}`, ...when(event), lanes[event.lane]].join(', ')}: ${textOf(event)}`);
  Object.assign(made.style, {top: `${plan.y(row) - plan.height / 2}px`, height: `${plan.height}px`});
  const gutter = put('span', '', 'gutter');
  gutter.append(put('span', event.place + 1, 'step'), put('span', '', 'relation'));
  made.append(gutter, label(event));
  const earlier = row ? plan.rows[row - 1].event : null;
  if (plan.gutter > 100 && (!earlier || earlier.time !== event.time)) gutter.append(put('span', `${+(event.time / 1e9).toFixed(3)} s`, 'time'));
  drawn.rows.set(event.place, made);
  return made;
}

// An arrow carries its words; other events have them beside their dot.
function label(event) {
  const text = event.deviation ? `▶ ${event.label}` : event.label;
  const made = put('span', text, 'label');
  const x = plan.x(event.lane);
  const arrow = arrowOf.get(event.place);
  const goal = arrow !== undefined && plan.shows(arrow) ? plan.x(arrow) : x;
  const room = goal === x ? plan.width - x - 14 : Math.abs(goal - x) - 32;
  if (goal < x) made.style.right = `${plan.width - x + 9}px`;
  else made.style.left = `${x + (goal === x && arrow !== undefined ? 26 : 8)}px`;
  made.style.maxWidth = `${room}px`;
  return made;
}
const arrowOf = new Map(links.filter((link) => link.kind !== 'sync').map((link) => [link.from, link.lane]));

// As many lines as the longest ending takes.
function endHeight() {
  const longest = Math.max(0, ...plan.lanes.map((lane) => data.endings[lane].length));
  return 22 + 17 * Math.min(4, Math.ceil((longest * 7.6) / (plan.lane - 14)) || 1);
}

function endings() {
  const made = put('div', '', 'ends');
  made.style.top = `${plan.end}px`;
  for (const lane of plan.lanes) {
    const end = put('span', data.endings[lane], data.endings[lane].startsWith('✗') ? 'wrong' : '');
    Object.assign(end.style, {left: `${plan.x(lane) - 5}px`, width: `${plan.lane - 14}px`});
    made.append(end);
  }
  return made;
}

// Marks what is drawn by its relation to the event under the pointer, or else to the chosen one.
const GLYPHS = {past: '↑', future: '↓', concurrent: '∥', selected: ''};
function paint() {
  const about = view.hover >= 0 ? view.hover : view.step;
  const relation = about >= 0 ? relations(about).of : () => '';
  const weak = (place) => (about < 0 && view.rest === 'dim' && isRest(place) ? 'weak' : '');
  for (const [place, row] of drawn.rows) {
    const event = events[place];
    const how = place === view.step ? 'selected' : relation(place);
    const marks = [event.deviation && 'deviation', WRONG.has(event.kind) && 'wrong', matching(event) && 'match', weak(place)];
    row.className = ['row', how === 'selected' && place !== view.step ? '' : how, ...marks].filter(Boolean).join(' ');
    row.setAttribute('aria-selected', place === view.step);
    row.querySelector('.relation').textContent = GLYPHS[how] || '';
  }
  for (const part of drawn.parts) {
    const how = relation(part.place);
    const ends = [how, part.other >= 0 ? relation(part.other) : how];
    const inOne = ['past', 'future', 'selected'].find((one) => ends.every((end) => end === one || end === 'selected') && ends.includes(one)) || '';
    const dot = part.other === undefined;
    const mark = dot ? (how === 'concurrent' ? 'weak' : how) : about < 0 ? '' : inOne || 'weak';
    part.made.setAttribute('class', [part.base, mark, weak(part.place)].filter(Boolean).join(' '));
  }
  if (view.step >= 0 && drawn.rows.has(view.step)) chart.setAttribute('aria-activedescendant', `row-${view.step + 1}`);
  else chart.removeAttribute('aria-activedescendant');
}

function unfold(fold) {
  for (const place of fold) view.open.add(place);
  lay();
}

// Scrolls so that the chosen event can be seen, with a little around it.
function reveal(place) {
  const y = plan.y(plan.rowOf[place]) + heads.offsetHeight;
  const margin = Math.min(90, chart.clientHeight / 4);
  if (y < chart.scrollTop + heads.offsetHeight + margin) chart.scrollTop = y - heads.offsetHeight - margin;
  else if (y > chart.scrollTop + chart.clientHeight - margin) chart.scrollTop = y - chart.clientHeight + margin;
  const x = plan.shows(events[place].lane) ? plan.x(events[place].lane) : 0;
  if (x < chart.scrollLeft + plan.gutter) chart.scrollLeft = Math.max(0, x - plan.gutter - 20);
  else if (x > chart.scrollLeft + chart.clientWidth - plan.lane) chart.scrollLeft = x - chart.clientWidth + plan.lane;
  draw();
}
