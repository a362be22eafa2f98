"""Measures `ambassador-admin apply` for a file with many users, from start to exit."""

from time import perf_counter

from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.world import QUICK, Effort, World

_USERS, _USERS_IN_A_HURRY = 10_000, 600
_APPLY = Budget(at_most=60)


def provisioning(world: World, effort: Effort) -> list[Figure]:
    """Measure the apply that creates them, and a diff without differences."""
    count = _USERS_IN_A_HURRY if effort is QUICK else _USERS
    world.serve(tls=False, sessions=0)
    file = world.rig.directory / "users.yaml"
    users = "".join(f"- {{name: user{number}, email: user{number}@example.com}}\n" for number in range(count))
    file.write_text(f"owner: bench\nusers:\n{users}")
    return [
        Figure(
            name=f"provisioning_{word}",
            what=f"ambassador-admin {word} of {count:,} users",
            unit="s",
            ours=[_seconds(world, word, str(file))],
            budget=_APPLY if word == "apply" else None,
        )
        for word in ("apply", "diff")
    ]


def _seconds(world: World, word: str, file: str) -> float:
    begun = perf_counter()
    world.rig.admin(word, "-f", file)
    return perf_counter() - begun
