// What each task does at a step: waits, can go on, has ended; and what lies in its inbox.

// The state after the event at this place; of the end where it is -1.
function stateAt(step) {
  const until = step < 0 ? events.length - 1 : step;
  const now = {until, inboxes: lanes.map(() => []), handling: lanes.map(() => null), last: lanes.map(() => -1), replied: new Set()};
  const starts = new Set();
  const started = new Set();
  for (const event of events) {
    if (event.kind === 'start' && laneNamed.has(event.target)) starts.add(laneNamed.get(event.target));
    if (event.place <= until) advance(now, event, started);
  }
  now.holds = held.filter((span) => span.from <= until && span.to > until);
  return lanes.map((name, lane) => ({
    name,
    handling: now.handling[lane],
    inbox: now.inboxes[lane],
    locks: now.holds.filter((span) => span.lane === lane).map((span) => span.what),
    ...doing(now, lane, !starts.has(lane) || started.has(lane)),
  }));
}

function advance(now, event, started) {
  const lane = laneNamed.get(event.target);
  now.last[event.lane] = event.place;
  if (event.kind === 'start' && lane !== undefined) started.add(lane);
  if (event.kind === 'send' && lane !== undefined) now.inboxes[lane].push(event);
  if (event.kind === 'reply') now.replied.add(`${event.target}#${event.number}`);
  if (event.kind === 'receive' && lane !== undefined) {
    now.inboxes[lane] = now.inboxes[lane].filter((message) => message.number !== event.number);
    if (lane === event.lane) now.handling[lane] = event;
  }
}

// One of the kinds waits, stuck, ready, idle, ended, none, and the same in words.
function doing(now, lane, started) {
  const next = ofLane[lane].find((place) => place > now.until);
  if (!started) return {kind: 'none', words: 'not started yet', handling: null};
  return next === undefined ? atItsEnd(lane, now.until === events.length - 1) : before(now, lane, events[next]);
}

// What it waits for in vain it may still wait for with hope, while others run.
function atItsEnd(lane, over) {
  const ending = data.endings[lane];
  if (ending.startsWith('✗ waits')) return {kind: over ? 'stuck' : 'waits', words: ending.slice(2)};
  if (ending === 'idle') return {kind: 'idle', words: 'waits for a message', handling: null};
  if (ending.startsWith('✗')) return {kind: 'stuck', words: `ended by ${ending.slice(2)}`};
  if (!ending || ending === 'done') return {kind: 'ended', words: 'has ended', handling: null};
  return {kind: 'waits', words: ending};
}

function before(now, lane, next) {
  const last = events[now.last[lane]];
  if (next.number && (next.kind === 'answer' || next.kind === 'timeout')) {
    const answered = next.kind === 'answer' && now.replied.has(`${next.target}#${next.number}`);
    if (answered) return {kind: 'ready', words: `can go on: ${next.target} has answered #${next.number}`};
    return {kind: 'waits', words: `waits for ${next.target} to answer #${next.number}`};
  }
  if (next.kind === 'receive' && next.target === lanes[lane]) {
    if (now.inboxes[lane].length) return {kind: 'ready', words: `can take #${now.inboxes[lane][0].number} from its inbox`, handling: null};
    return {kind: 'idle', words: 'waits for a message', handling: null};
  }
  const holder = next.kind === 'lock' && now.holds.find((span) => span.what === next.target && span.lane !== lane);
  if (holder) return {kind: 'waits', words: `waits for ${next.target}, held by ${lanes[holder.lane]}`};
  if (last && last.kind === 'sleep' && next.time > last.time) return {kind: 'waits', words: `sleeps ${last.detail}`};
  return {kind: 'ready', words: `can go on; next: ${textOf(next).replace('▶ ', '')}`};
}
