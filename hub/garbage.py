"""How a process that answers quickly has Python look for reference cycles."""

import gc


def collect_rarely() -> None:
    """Leaves out of later searches what was loaded until now, and has them happen rarely.

    The modules of a role alone are a quarter of a million objects: looking through them takes 0.1 to 0.2 s,
    in which nothing is answered. Called once, when the role is built.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
