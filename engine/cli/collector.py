"""The garbage collector, told what kind of program this is: one that holds a great many objects, and hardly ever
cycles.

By its own measure it would walk all partial matches over and over (with fifty chains a third of the time). What the
product's own data refer to is freed without it. Called by `run`, and by the benchmarks, never by the library, which is
a guest in its process.
"""

import gc

# How many objects more there must be for the young to be walked, and how often that is done before older ones are.
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50


def relax() -> None:
    """Collect less often, and never what is there by now: the chains and formats, of which nothing is in vain."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def let_go() -> None:
    """Collect everything, once: chains and decoders that were replaced are full of cycles, and there would be hundreds
    of them before it is done by itself."""
    gc.collect()
