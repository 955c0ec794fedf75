"""MemesPy: a topic goes in, a captioned meme comes out. A service built of Pykka actors.

Start it with `bootstrap.start_pipeline(settings, ports)`; its values are in `domain`, its seams in `ports`, its errors in `errors`.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
