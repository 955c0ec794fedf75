"""Restart race: a supervisor restarts an actor, and a job that went to the old one is lost.

What goes wrong: the uploader dies of one file. Until the supervisor hears of it, it passes jobs on to an actor that is dying or dead, and
they are dropped in silence, for they are told, not asked. The correction remembers each job until it is done, and hands what is left to
the new uploader.

How greenroom finds it: by the orders of ``restart`` and ``submit``. The scenario sleeps to let everything come to rest: virtual time
passes only when nobody can run, so a minute costs nothing, and is always enough.

    $ greenroom explore examples/restart_race.py::scenario
    scenario: …
    AssertionError: uploaded [] (restart_race.py:90)
    …
    replay: greenroom replay examples/restart_race.py::scenario 'g1:…'
"""

import time

import pykka


class Uploader(pykka.ThreadingActor):
    def __init__(self, supervisor):
        super().__init__()
        self.supervisor = supervisor

    def on_receive(self, file):
        if file == "corrupt.png":
            raise ValueError(file)
        self.supervisor.tell(("uploaded", file))

    def on_failure(self, *_):
        self.supervisor.tell("restart")


class Supervisor(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.done = []

    def on_start(self):
        self.uploader = Uploader.start(self.actor_ref)

    def on_receive(self, message):
        match message:
            case ("submit", file):
                self.hand_over(file)
            case ("uploaded", file):
                self.done.append(file)
            case "restart":
                self.uploader = Uploader.start(self.actor_ref)
            case "done?":
                return list(self.done)
        return None

    def hand_over(self, file):
        try:
            self.uploader.tell(file)
        except pykka.ActorDeadError:
            pass  # the restart is on its way


class RememberingSupervisor(Supervisor):
    def __init__(self):
        super().__init__()
        self.to_do = []

    def on_receive(self, message):
        match message:
            case ("submit", file):
                self.to_do.append(file)
            case ("uploaded", file):
                self.to_do.remove(file)
            case "restart":
                self.to_do.pop(0)  # what the old one died of
        answer = super().on_receive(message)
        if message == "restart":
            for file in self.to_do:
                self.hand_over(file)
        return answer


def album(supervisor_class):
    supervisor = supervisor_class.start()
    for file in ("corrupt.png", "beach.png"):
        supervisor.ask(("submit", file))
    time.sleep(60)
    uploaded = supervisor.ask("done?")
    pykka.ActorRegistry.stop_all()
    assert uploaded == ["beach.png"], f"uploaded {uploaded}"


def scenario():
    album(Supervisor)


def fixed():
    album(RememberingSupervisor)
