"""Golden numbers for comparing runs, from SciPy: `python test/vectors/make_statistics.py` writes statistics.json."""

import json
from pathlib import Path

import numpy as np
from scipy import optimize, special, stats

HERE = Path(__file__).parent

NONCENTRAL = [
    (1.0, 4, 0.5),
    (-1.0, 8, 0.7),
    (-2.0, 3, -4.0),
    (0.0, 4, 1.0),
    (0.612, 4, 0.0),
    (40.0, 4, 38.0),
    (2.0, 1, 1.0),
    (3.0, 200, 2.5),
]
SAMPLES = [
    ([0.972, 0.955, 0.989, 0.961, 0.98], [0.939, 0.92, 0.95, 0.941, 0.955]),
    ([0.6, 0.62, 0.61], [0.61, 0.6, 0.65]),
    ([3.0, 3.01, 3.02], [1.0, 1.01, 1.02]),
    ([1.0, 2.0, 4.0, 8.0], [2.0, 2.0]),
]


def effect(left: list[float], right: list[float]) -> dict[str, object]:
    a, b = np.array(left), np.array(right)
    df = len(a) + len(b) - 2
    pooled = np.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / df)
    d = (a.mean() - b.mean()) / pooled
    scale = np.sqrt(1 / len(a) + 1 / len(b))
    t = d / scale
    low, high = (
        optimize.brentq(
            lambda delta, p=p: stats.nct.cdf(t, df, delta) - p, t - 60 - abs(t), t + 60 + abs(t), xtol=1e-13
        )
        for p in (0.975, 0.025)
    )
    correction = np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    return {"left": left, "right": right, "d": d, "g": d * correction, "interval": [low * scale, high * scale]}


def table(seeds: int, pairs: int, seed: int) -> dict[str, object]:
    """A two-way table of differences; p is what lies outside an interval that just reaches 0."""
    random = np.random.default_rng(seed)
    values = np.round(
        0.05
        + 0.1 * random.standard_normal((seeds, 1))
        + random.integers(-1, 2, (1, pairs)) * random.random((seeds, pairs)),
        6,
    )
    rest_of = values - values.mean(1, keepdims=True) - values.mean(0, keepdims=True) + values.mean()
    square = {
        "seed": pairs * values.mean(1).var(ddof=1),
        "pair": seeds * values.mean(0).var(ddof=1),
        "rest": (rest_of**2).sum() / ((seeds - 1) * (pairs - 1)),
    }
    variance = np.array([square["seed"], max(0.0, square["pair"] - square["rest"])]) / (seeds * pairs)
    dfs = np.array([seeds - 1, pairs - 1])

    def half(outside: float) -> float:
        """The mean of Cochran's and Satterthwaite's."""
        p = 1 - outside / 2
        own = np.sqrt((variance * stats.t.ppf(p, dfs) ** 2).sum())
        common = np.sqrt(variance.sum()) * stats.t.ppf(p, variance.sum() ** 2 / (variance**2 / dfs).sum())
        return float((own + common) / 2)

    mean = float(values.mean())
    return {
        "rows": values.tolist(),
        "difference": mean,
        "interval": [mean - half(0.05), mean + half(0.05)],
        "pValue": optimize.brentq(lambda p: half(p) - abs(mean), 1e-9, 1 - 1e-9, xtol=1e-13),
    }


def one_sample(values: list[float]) -> dict[str, object]:
    result = stats.ttest_1samp(values, 0)
    ends = result.confidence_interval(0.95)
    return {
        "rows": [[value] for value in values],
        "difference": float(np.mean(values)),
        "interval": list(ends),
        "pValue": result.pvalue,
    }


def make() -> dict[str, object]:
    return {
        "noncentral": [
            {"t": t, "df": df, "delta": delta, "p": stats.nct.cdf(t, df, delta)} for t, df, delta in NONCENTRAL
        ],
        "effects": [effect(*samples) for samples in SAMPLES],
        "paired": [
            table(3, 12, 0),
            table(5, 40, 1),
            table(2, 9, 2),
            one_sample([1.0, 2.0, 2.5]),
            one_sample([0.1, -0.2, 0.05, 0.3]),
        ],
        "falseAlarms": [
            {"runs": runs, "rate": float(stats.t.sf(0.5 * np.sqrt(runs / 2), 2 * runs - 2))} for runs in (3, 5, 10)
        ],
    }


if __name__ == "__main__":
    (HERE / "statistics.json").write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
