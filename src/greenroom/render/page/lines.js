// The drawing behind the words: lifelines, arrows, what waits in an inbox, and a dot for each event.
const SVG = 'http://www.w3.org/2000/svg';

function shape(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

// Draws what crosses the rows from..to of a layout into svg; returns each part that belongs to events, to be painted later.
function drawLines(svg, plan, from, to) {
  const parts = [];
  const top = plan.y(from) - plan.height;
  const bottom = plan.y(to) + plan.height;
  svg.replaceChildren();
  svg.setAttribute('width', plan.width);
  svg.setAttribute('height', Math.max(1, bottom - top));
  svg.style.top = `${top}px`;
  const all = shape('g', {transform: `translate(0 ${-top})`}, svg);
  const span = (start, end) => [Math.max(top, start), Math.min(bottom, end)];
  const yOf = (place) => (place === FOR_EVER ? plan.end : plan.y(plan.rowOf[place]));

  for (const lane of plan.lanes) {
    const [start, end] = span(plan.begins(lane), plan.ends(lane));
    if (end > start) shape('path', {class: 'life', d: `M${plan.x(lane)} ${start}V${end}`}, all);
  }
  for (const work of handled) {
    const [start, end] = span(yOf(work.from), yOf(work.to));
    if (plan.shows(work.lane) && end >= start) {
      shape('rect', {class: 'work', x: plan.x(work.lane) - 2.5, y: start, width: 5, height: end - start, rx: 2.5}, all);
    }
  }
  for (const hold of held) {
    const [start, end] = span(yOf(hold.from), yOf(hold.to));
    if (plan.shows(hold.lane) && end > start) shape('path', {class: 'hold', d: `M${plan.x(hold.lane) - 8} ${start}V${end}`}, all);
  }
  for (const link of links) drawLink(link, plan, all, parts, top, bottom);
  for (let row = from; row <= to; row += 1) {
    const event = plan.rows[row] && plan.rows[row].event;
    if (event) parts.push({made: drawDot(event, plan, row, all), place: event.place, base: dotClass(event)});
  }
  return parts;
}

function drawLink(link, plan, all, parts, top, bottom) {
  const source = events[link.from];
  if (!plan.shown[link.from] || !plan.shows(link.lane) || !plan.shows(source.lane)) return;
  const y = plan.y(plan.rowOf[link.from]);
  const meets = link.to >= 0 && plan.shown[link.to];
  const until = meets ? plan.y(plan.rowOf[link.to]) : link.kind === 'unread' ? plan.end : y;
  if (until < top || y > bottom) return;
  const x = plan.x(source.lane);
  const goal = plan.x(link.lane);
  const add = (name, kind, attributes) =>
    parts.push({made: shape(name, {class: kind, ...attributes}, all), place: link.from, other: link.to, base: kind});
  if (link.kind === 'sync') {
    if (meets) add('path', 'sync', {d: `M${x} ${y}C${x} ${y + 22} ${goal} ${until - 22} ${goal} ${until}`});
    return;
  }
  const kind = link.kind === 'unheard' ? 'reply' : link.kind === 'unread' ? 'message' : link.kind;
  const away = goal >= x ? 1 : -1; // the side from which it comes
  const track = goal === x ? x + 7 : goal - 7 * away;
  if (goal === x) add('path', kind, {d: `M${x} ${y}h22v7h-12`});
  else add('path', kind, {d: `M${x} ${y}H${track}`});
  const tipY = goal === x ? y + 7 : y;
  const point = goal === x ? -1 : away;
  if (link.kind === 'lost') {
    add('path', 'cross', {d: `M${track - 5} ${tipY - 5}l10 10m0 -10l-10 10`});
    return;
  }
  add('path', `tip ${kind}`, {d: `M${track + 2 * point} ${tipY}l${-8 * point} -4v8z`});
  if (until > tipY && link.kind !== 'start') add('path', 'queue', {d: `M${track} ${Math.max(tipY + 3, top)}V${Math.min(until, bottom)}`});
  if (link.kind === 'unread' && plan.end <= bottom) add('circle', 'dot hollow', {cx: track, cy: plan.end - 5, r: 3.5});
}

const dotClass = (event) =>
  `dot ${event.deviation ? 'deviation' : WRONG.has(event.kind) ? 'wrong' : event.kind === 'receive' ? '' : 'small'}`.trim();

function drawDot(event, plan, row, all) {
  const radius = event.deviation || event.kind === 'receive' || WRONG.has(event.kind) ? 4.5 : 3.2;
  return shape('circle', {class: dotClass(event), cx: plan.x(event.lane), cy: plan.y(row), r: radius}, all);
}
