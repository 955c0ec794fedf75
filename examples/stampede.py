"""Cache stampede: whoever misses makes the thing, so that two who miss together make it twice.

What goes wrong: looking into the cache and putting the thumbnail there are two messages, and rendering lies between them. Every page that
looks meanwhile misses too. Nothing is wrong with the result, only with the bill. The correction lets the cache order the thumbnail and
keep the future for it: who comes second gets the same future. (The page waits for it, not the cache.)

How greenroom finds it: by the orders of messages; the renderer's own list of jobs tells.

    $ greenroom explore examples/stampede.py::scenario
    scenario: …
    AssertionError: rendered 2 times (stampede.py:77)
    …
    replay: greenroom replay examples/stampede.py::scenario 'g1:…'
"""

import pykka


class Renderer(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.rendered = []

    def render(self, photo):
        self.rendered.append(photo)
        return f"thumbnail of {photo}"

    def jobs(self):
        return list(self.rendered)


class Thumbnails(pykka.ThreadingActor):
    def __init__(self, renderer):
        super().__init__()
        self.renderer = renderer
        self.cache = {}

    def get(self, photo):
        return self.cache.get(photo)

    def put(self, photo, thumbnail):
        self.cache[photo] = thumbnail

    def get_or_render(self, photo):
        if photo not in self.cache:
            self.cache[photo] = self.renderer.render(photo)
        return self.cache[photo]


class Page(pykka.ThreadingActor):
    def __init__(self, thumbnails, renderer):
        super().__init__()
        self.thumbnails = thumbnails
        self.renderer = renderer

    def show(self, photo):
        thumbnail = self.thumbnails.get(photo).get()
        if thumbnail is None:
            thumbnail = self.renderer.render(photo).get()
            self.thumbnails.put(photo, thumbnail).get()
        return thumbnail


class PatientPage(Page):
    def show(self, photo):
        return self.thumbnails.get_or_render(photo).get().get()


def gallery(page_class):
    renderer = Renderer.start().proxy()
    thumbnails = Thumbnails.start(renderer).proxy()
    pages = [page_class.start(thumbnails, renderer).proxy() for _ in range(2)]
    shown = pykka.get_all([page.show("cat.png") for page in pages])
    jobs = renderer.jobs().get()
    pykka.ActorRegistry.stop_all()
    assert shown == ["thumbnail of cat.png"] * 2
    assert jobs == ["cat.png"], f"rendered {len(jobs)} times"


def scenario():
    gallery(Page)


def fixed():
    gallery(PatientPage)
