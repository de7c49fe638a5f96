"""How often 95 % intervals of a paired difference hold the truth (src/math/paired-differences.ts), by simulation:
`python test/vectors/paired_coverage.py` prints the range over many worlds for each half width."""

from itertools import product

import numpy as np
from scipy import stats

TABLES = 40_000
WORLDS = list(product((3, 5), (40, 120, 500), (0.0, 0.01, 0.025, 0.05, 0.1, 0.25), (0.0, 0.2, 0.4), (0.5,)))
"""Seeds, pairs; spread between seeds, between pairs, and of the rest."""


def coverage(seeds: int, pairs: int, between_seeds: float, between_pairs: float, rest: float) -> dict[str, float]:
    """The mean squares of a balanced table of normal numbers are independent, so they are drawn as such."""
    random = np.random.default_rng(0)

    def mean_square(expected: float, df: int) -> np.ndarray:
        return expected * random.chisquare(df, TABLES) / df

    dfs = seeds - 1, pairs - 1
    expected = [rest**2 + pairs * between_seeds**2, rest**2 + seeds * between_pairs**2, rest**2]
    seed, pair, remainder = (mean_square(e, df) for e, df in zip(expected, [*dfs, dfs[0] * dfs[1]], strict=True))
    truth = random.standard_normal(TABLES) * np.sqrt((expected[0] + expected[1] - expected[2]) / (seeds * pairs))
    parts = [seed / (seeds * pairs), np.maximum(0, pair - remainder) / (seeds * pairs)]
    total = parts[0] + parts[1]
    cochran = np.sqrt(sum(v * stats.t.ppf(0.975, df) ** 2 for v, df in zip(parts, dfs, strict=True)))
    common = total**2 / sum(v**2 / df for v, df in zip(parts, dfs, strict=True))
    satterthwaite = np.sqrt(total) * stats.t.ppf(0.975, common)
    halves = {"Cochran": cochran, "Satterthwaite": satterthwaite, "mean of both": (cochran + satterthwaite) / 2}
    return {name: float((np.abs(truth) <= half).mean()) for name, half in halves.items()}


if __name__ == "__main__":
    found = [coverage(*world) for world in WORLDS]
    for name in found[0]:
        shares = [100 * world[name] for world in found]
        print(f"{name}: {min(shares):.1f} to {max(shares):.1f} % over {len(found)} worlds")
