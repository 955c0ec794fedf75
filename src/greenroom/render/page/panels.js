// Beside the chart: the chosen event, and what each task does after it.
const detail = byId('detail');
const state = byId('state');

function showPanels() {
  showDetail();
  showState();
  const scrub = byId('scrub');
  scrub.value = view.step < 0 ? events.length + 1 : view.step + 1;
  scrub.setAttribute('aria-valuetext', view.step < 0 ? 'at the end' : `step ${view.step + 1}: ${textOf(events[view.step])}`);
}

function showDetail() {
  if (view.step < 0) {
    const hint = events.length ? 'Choose an event, or press j for the first, to see what could have caused it.' : 'Nothing was recorded.';
    detail.replaceChildren(put('p', `after all ${events.length.toLocaleString('en')} events`, 'where'), put('h2', 'At the end'), put('p', hint, 'where'));
    return;
  }
  const event = events[view.step];
  const {past, future, concurrent} = relations(event.place);
  const where = [`step ${event.place + 1} of ${events.length}`, lanes[event.lane], ...when(event)].join(' · ');
  const parts = [put('p', where, 'where'), put('h2', textOf(event).replace('▶ ', ''))];
  if (event.deviation) parts.push(put('p', '▶ chosen against the default order', 'mark'));
  parts.push(jumps(event));
  const counts = put('p', '', 'counts');
  for (const [kind, glyph, count, what] of [['past', '↑', past, 'before it'], ['future', '↓', future, 'after it'], ['', '∥', concurrent, 'concurrent']]) {
    counts.append(put('span', `${glyph} ${count.toLocaleString('en')} ${what}`, kind));
  }
  parts.push(counts, vectorClock(event));
  detail.replaceChildren(...parts);
}

const ARROWS = {
  message: ['taken from the inbox at', 'sent at'], reply: ['answer got at', 'answered at'], start: ['first runs at', 'started at'],
  sync: ['enables', 'enabled by'],
};

function jumps(event) {
  const made = put('div', '', 'jumps');
  const add = (how, place) => {
    const button = put('button', `${how} step ${place + 1} · ${lanes[events[place].lane]}`);
    button.type = 'button';
    button.addEventListener('click', () => choose(place));
    made.append(button);
  };
  for (const link of links) {
    if (link.to >= 0 && link.from === event.place) add(ARROWS[link.kind][0], link.to);
    if (link.to === event.place) add(ARROWS[link.kind][1], link.from);
    if (link.from === event.place && link.kind === 'unread') made.append(put('span', 'never taken from the inbox', 'mark'));
    if (link.from === event.place && link.kind === 'unheard') made.append(put('span', 'nobody got this answer', 'mark'));
    if (link.from === event.place && link.kind === 'lost') made.append(put('span', `${event.target} had ended: nobody will read it`, 'mark'));
  }
  return made;
}

function vectorClock(event) {
  const made = document.createElement('details');
  made.append(put('summary', 'Vector clock'));
  const clock = clockOf(event.place);
  made.append(put('p', lanes.map((name, lane) => [name, clock[lane]]).filter(([, count]) => count).map((pair) => pair.join(' ')).join(' · '), 'clock'));
  return made;
}

function showState() {
  const title = view.step < 0 ? 'Tasks at the end' : `Tasks after step ${view.step + 1}`;
  const list = document.createElement('dl');
  for (const [lane, task] of stateAt(view.step).entries()) {
    if (view.hidden.has(lane)) continue;
    const made = put('div', '', view.step >= 0 && events[view.step].lane === lane ? 'task now' : 'task');
    made.append(put('dt', task.name));
    if (task.handling) made.append(put('dd', `handling #${task.handling.number} ${task.handling.detail}`));
    made.append(put('dd', task.words, task.kind));
    if (task.inbox.length) made.append(items('inbox', `inbox ${task.inbox.length}`, task.inbox.map((message) => `#${message.number} ${message.detail}`)));
    if (task.locks.length) made.append(items('inbox locks', 'holds', task.locks));
    list.append(made);
  }
  state.replaceChildren(put('h2', title), list);
}

const MOST_ITEMS = 6;
function items(kind, caption, texts) {
  const wrap = document.createElement('dd');
  const made = put('ul', '', kind);
  made.append(put('li', caption, 'caption'));
  for (const text of texts.slice(0, MOST_ITEMS)) {
    const item = put('li', text);
    item.title = text;
    made.append(item);
  }
  if (texts.length > MOST_ITEMS) made.append(put('li', `and ${texts.length - MOST_ITEMS} more`, 'caption'));
  wrap.append(made);
  return wrap;
}
