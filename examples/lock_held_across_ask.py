"""Lock held across an ask: the actor that is asked may be waiting for that very lock.

What goes wrong: the dashboard takes the lock of the statistics, and asks the worker while it holds it. If the worker has a job to do
first, it needs the same lock to count it. The correction asks first, and takes the lock when nobody has to be waited for.

How greenroom finds it: locks are simulated as well as inboxes, so a circle of waiting is seen even where it goes through both.

    $ greenroom explore examples/lock_held_across_ask.py::scenario
    scenario: …
    Deadlock: Dashboard-2 waits for Worker-1 waits for Dashboard-2
      Dashboard-2, handling message #1 report(), waits for the reply of Worker-1 to message #2 next_job() (still in its inbox, place 1)
      Worker-1, handling message #1 work(), waits for Lock-1 (held by Dashboard-2; made at lock_held_across_ask.py:24)
    …
    replay: greenroom replay examples/lock_held_across_ask.py::scenario 'g1:…'
"""

import threading

import pykka


class Statistics:
    def __init__(self):
        self.lock = threading.Lock()
        self.jobs_done = 0


class Worker(pykka.ThreadingActor):
    def __init__(self, statistics):
        super().__init__()
        self.statistics = statistics
        self.job = 1

    def work(self):
        with self.statistics.lock:
            self.statistics.jobs_done += 1
        self.job += 1

    def next_job(self):
        return self.job


class Dashboard(pykka.ThreadingActor):
    def __init__(self, statistics, worker):
        super().__init__()
        self.statistics = statistics
        self.worker = worker

    def report(self):
        with self.statistics.lock:
            return f"{self.statistics.jobs_done} done, next: {self.worker.next_job().get()}"


class CarefulDashboard(Dashboard):
    def report(self):
        job = self.worker.next_job().get()
        with self.statistics.lock:
            return f"{self.statistics.jobs_done} done, next: {job}"


def office(dashboard_class):
    statistics = Statistics()
    worker = Worker.start(statistics).proxy()
    dashboard = dashboard_class.start(statistics, worker).proxy()
    worker.work.defer()
    text = dashboard.report().get()
    pykka.ActorRegistry.stop_all()
    assert text in ("0 done, next: 1", "1 done, next: 1", "1 done, next: 2")


def scenario():
    office(Dashboard)


def fixed():
    office(CarefulDashboard)
