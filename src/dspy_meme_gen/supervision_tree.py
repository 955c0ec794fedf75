"""The supervision tree of a pipeline: which actors share a fate.

pipeline                 one_for_one: a group that has failed too often begins anew as a whole
├── supervisors          the supervisor alone: it starts itself again
├── observers            one_for_one: metrics, event bus, health monitor
├── workers              one_for_one: a worker holds nothing but a port
│   └── text, images     one_for_one: a pool's own troubles use up its own restarts first
└── core                 rest_for_one: the orchestrator, and the router that feeds it
"""

from dspy_meme_gen import names
from dspy_meme_gen.resilience.restarts import RestartPolicy, Strategy
from dspy_meme_gen.resilience.supervision import Group
from dspy_meme_gen.settings import Settings

__all__ = ["flat_tree", "pools_of", "tree"]


def pools_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The names of the workers of each kind, in order of start."""
    sizes = {names.TEXT_GENERATOR: settings.text_workers, names.IMAGE_GENERATOR: settings.image_workers}
    return {kind: names.pool(kind, sizes.get(kind, 1)) for kind in names.WORKERS}


def tree(settings: Settings) -> Group:
    """As drawn above; each group has the restarts that the settings grant."""
    policy = RestartPolicy(settings.restart_limit, settings.restart_window_s)

    def group(name: str, *children: str | Group, strategy: Strategy = Strategy.ONE_FOR_ONE) -> Group:
        return Group(name, children, strategy, policy)

    pools = pools_of(settings)
    workers = [group(f"{kind} pool", *pool) if len(pool) > 1 else pool[0] for kind, pool in pools.items()]
    monitors = (names.HEALTH_MONITOR,) if settings.health_period_s else ()
    return group(
        "pipeline",
        group("supervisors", names.SUPERVISOR),
        group("observers", names.METRICS, names.EVENT_BUS, *monitors),
        group("workers", *workers),
        group("core", names.MEME_GENERATOR, names.ROUTER, strategy=Strategy.REST_FOR_ONE),
        strategy=Strategy.ONE_FOR_ONE,
    )


def flat_tree(settings: Settings) -> Group:
    """The same actors in the same order, one for one, all in one group: one crash too many among all of them is the end."""
    return Group("pipeline", tuple(tree(settings).actors()), policy=RestartPolicy(settings.restart_limit, settings.restart_window_s))
