"""Writes vectors.json: golden numbers for every formula, computed with 50 digits and rounded once to doubles.

    python test/vectors/make_vectors.py            write vectors.json beside this file
    python test/vectors/make_vectors.py --check    fail if vectors.json is not what would be written

Inputs are doubles, so both sides start from the same numbers. `cancellation` is the size of the numbers whose
difference a result is: with doubles its absolute error is of the order of 2^-52 times that, whatever the program.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import high_precision as hp
import pair_inputs
from composition import compose
from mpmath import erfinv, inf, mpf, sqrt

POWERS: tuple[float | str, ...] = (
    -1.0,
    0.0,
    1.0,
    -2.0,
    0.5,
    1e-3,
    -1e-8,
    1e-12,
    -1e-12,
    30.0,
    -1e6,
    1e6,
    "inf",
    "-inf",
)
LINKS = (("sigmoid", 0.0), ("sigmoid", 0.1), ("robust", 0.0), ("robust", 0.2), ("ipo", 0.0), ("hinge", 0.0))
MARGINS = (0.0, 1e-12, -1e-12, 0.3, -0.3, 0.5, 1.0, 1.5, -4.0, 30.0, -30.0, 700.0, -700.0, 1e4, -1e4)
QUANTILES = (0.5, 0.500001, 0.3, 0.7, 0.1, 0.9, 0.07, 0.93, 0.025, 0.975, 0.005, 0.001, 1e-4, 1e-6, 1e-9, 1e-12, 1e-30)
P_VALUES = ([0.01, 0.04, 0.03, 0.005], [0.9, 0.8, 0.02], [0.2], [0.001, 0.6, 0.0123, 0.05, 0.3, 0.0499, 0.07])
NORMAL_QUANTILE = 1.959963984540054  # the double nearest to the 97.5 % point
FILE = Path(__file__).with_name("vectors.json")
Case = dict[str, Any]


def number(value: float | str) -> mpf:
    """An input as mpf; infinities are written as strings, since JSON has none."""
    return {"inf": inf, "-inf": -inf}[value] if isinstance(value, str) else mpf(value)


def numbers(values: list[float]) -> list[mpf]:
    return [mpf(value) for value in values]


def pairs(values: list[list[float]]) -> list[hp.Pair]:
    return [(mpf(chosen), mpf(rejected)) for chosen, rejected in values]


def rounded(value: Any) -> Any:
    """mpf numbers, alone or in lists and dicts, as doubles."""
    if isinstance(value, mpf):
        return float(value)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def scalar_cases() -> list[Case]:
    sizes = (0.0, 1e-300, 1e-17, 1e-8, 0.5, 1.0, 20.0, 36.7, 100.0, 700.0, 745.0, 1e5)
    return [
        {"op": name, "input": {"x": sign * x}, "expected": function(mpf(sign * x))}
        for x in sizes
        for sign in (1, -1)
        for name, function in (("softplus", hp.softplus), ("sigmoid", hp.sigmoid))
    ]


def reference_sets(rng: random.Random) -> list[list[list[float]]]:
    """[chosen, rejected] log-probs of K references: the paper's examples, the degenerate ones, random ones."""
    fixed = [
        [[-105.0, -118.0], [-110.0, -119.0]],
        [[-105.0, -118.0], [-106.0, -116.0]],
        [[-105.0, -118.0], [-110.0, -119.0], [-90.0, -150.0]],
        [[-105.0, -118.0]],
        [[0.0, 0.0]],
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
        [[0.0, 0.0], [-3.0, -5.0]],
        [[0.0, -7.0], [-3.0, 0.0]],
        [[-50.0, -50.0], [-60.0, -60.0]],
        [[-50.0, -50.0], [-60.0, -61.0]],
        [[-1e5, -1e5], [-1e5, -1e5]],
        [[-1e5, -99999.0], [-1.0, -2.0]],
        [[-1.0, -2.0], [-1e5, -99999.0]],
        [[-1e-10, -2e-10], [-3e-10, -1e-10]],
        [[-5e-324, -1e-320], [-1e-310, -2e-300]],
        [[-100.0, -100.0000000001], [-200.0, -100.0]],
        [[-3.5, -4.5]] * 5,
    ]
    for count in (2, 3, 5, 8, 16, 64):
        for scale in (1.0, 40.0, 1000.0):
            fixed.append([[-scale * rng.expovariate(1), -scale * rng.expovariate(1)] for _ in range(count)])
    return fixed


def trust_region_cases(sets: list[list[list[float]]]) -> list[Case]:
    cases = []
    for index, references in enumerate(sets):
        epsilon_max = (0.1, 0.5, 1.0, 0.0, 1e6, 0.01)[index % 6]
        given = {"references": references, "epsilonMax": epsilon_max}
        expected = hp.adaptive_epsilon(pairs(references), mpf(epsilon_max))
        cases.append({"op": "epsilon", "input": given, "expected": expected})
        cases.append({"op": "arwc", "input": {"references": references}, "expected": hp.arwc(pairs(references))})
    for first in (-100.0, -1e5, -1e-3, 0.0):
        for epsilon in (0.0, 0.05, 0.1, 1.0, 1e6):
            for factor in (0.0, 0.5, 0.97, 1.0, 1.03, 2.0):
                logp = first * factor if first != 0 else -factor
                cases.append(
                    {
                        "op": "clip",
                        "input": {"logp": logp, "first": first, "epsilon": epsilon},
                        "expected": hp.clip(mpf(logp), mpf(first), mpf(epsilon)),
                    }
                )
    return cases


def weight_sets(count: int, rng: random.Random) -> list[list[float]]:
    """Weights exact in binary, so that they add up to exactly 1."""
    if count == 1:
        return [[1.0]]
    cuts = sorted(rng.randrange(0, 1025) for _ in range(count - 1))
    spread = [(right - left) / 1024 for left, right in zip([0, *cuts], [*cuts, 1024], strict=True)]
    one_hot = [0.0] * (count - 1) + [1.0]
    tiny = [2.0**-60] + [0.0] * (count - 2) + [1 - 2.0**-53]
    return [spread, one_hot, tiny]


def pooling_cases(sets: list[list[list[float]]], rng: random.Random) -> list[Case]:
    cases = []
    for index, references in enumerate(sets):
        logps = [chosen for chosen, _ in references]
        for turn, weights in enumerate(weight_sets(len(logps), rng)):
            for step in range(4):
                power = POWERS[(index + 5 * turn + 3 * step) % len(POWERS)] if step else -1.0
                expected = hp.pool(numbers(logps), numbers(weights), number(power))
                given = {"logps": logps, "weights": weights, "power": power}
                cases.append({"op": "pool", "input": given, "expected": expected})
    return cases


def hidden_reference_cases() -> list[Case]:
    """Pools next to 0 although one reference is far below it: its share is tiny, and largest term and sum cancel."""
    cases = []
    for logp in (-1.5, -5.0, -12.0, -30.0):
        for exponent in (20, 34, 50):
            weights = [2.0**-exponent, 1 - 2.0**-exponent]
            for certain in (0.0, -1e-9):
                for power in (-1.0, -2.0, -0.5, 1.0):
                    given = {"logps": [logp, certain], "weights": weights, "power": power}
                    expected = hp.pool(numbers([logp, certain]), numbers(weights), mpf(power))
                    cases.append({"op": "pool", "input": given, "expected": expected})
    return cases


def official_cases(sets: list[list[list[float]]]) -> list[Case]:
    cases = []
    for references in (entry for entry in sets if len(entry) == 2):
        values = pairs(references)
        cases.append(
            {
                "op": "official-epsilon",
                "input": {"references": references, "epsilonMax": 0.1},
                "expected": hp.official_epsilon(values, mpf(0.1)),
            }
        )
        weights = [0.375, 0.625]
        logps = [chosen for chosen, _ in references]
        cases.append(
            {
                "op": "official-weights",
                "input": {"references": references},
                "expected": hp.official_weights(values),
                "cancellation": [mpf(1), mpf(0)],  # alpha_1 is written 1 - alpha_2
            }
        )
        cases.append(
            {
                "op": "official-pool",
                "input": {"logps": logps, "weights": weights},
                "expected": hp.official_pool(numbers(logps), numbers(weights)),
            }
        )
    return cases


def link_cases() -> list[Case]:
    cases = []
    for margin in MARGINS:
        for variant, smoothing in LINKS:
            loss, slope, _ = hp.link(variant, mpf(margin), mpf(smoothing), mpf(0.1))
            smooth = mpf(smoothing)
            size = {"robust": (1 + abs(mpf(margin))) / (1 - 2 * smooth), "ipo": mpf(10)}.get(variant, mpf(1))
            cases.append(
                {
                    "op": "link",
                    "input": {"variant": variant, "margin": margin, "smoothing": smoothing, "beta": 0.1},
                    "expected": [loss, slope],
                    "cancellation": [size if smoothing or variant == "ipo" else mpf(0), smooth * 2],
                }
            )
    return cases


def pair_cases(rng: random.Random) -> list[Case]:
    given = [*pair_inputs.worked_examples(), *pair_inputs.degenerate_pairs(), *pair_inputs.random_pairs(rng)]
    return [{"op": "pair", "input": entry, **compose(entry)} for entry in given]


def statistics_cases(rng: random.Random) -> list[Case]:
    cases = []
    counts = ((0, 10), (10, 10), (5, 10), (1, 3), (61, 100), (999, 1000), (0, 1), (500000, 1000000))
    for successes, trials in counts:
        cases.append(
            {
                "op": "wilson",
                "input": {"successes": successes, "trials": trials},
                "expected": wilson(mpf(successes), mpf(trials), mpf(NORMAL_QUANTILE)),
                "cancellation": [mpf(1), mpf(1)],
            }
        )
    for size in (2, 3, 5, 30):
        left = [rng.gauss(0.7, 0.05) for _ in range(size)]
        right = [rng.gauss(0.65, 0.04) for _ in range(size + 1)]
        expected = cohens_d(numbers(left), numbers(right))
        cases.append({"op": "cohens-d", "input": {"left": left, "right": right}, "expected": expected})
        d = mpf(float(cases[-1]["expected"]))
        interval = cohens_d_interval(d, size, size + 1, mpf(NORMAL_QUANTILE))
        given = {"d": float(d), "leftSize": size, "rightSize": size + 1}
        cases.append({"op": "cohens-d-interval", "input": given, "expected": interval, "cancellation": [mpf(10)] * 2})
    for p in QUANTILES:
        cases.append({"op": "normal-quantile", "input": {"p": p}, "expected": normal_quantile(mpf(p))})
    for values in P_VALUES:
        cases.append({"op": "holm", "input": {"pValues": values}, "expected": holm(numbers(values))})
        cases.append({"op": "benjamini-hochberg", "input": {"pValues": values}, "expected": step_up(numbers(values))})
    return cases


def cohens_d_interval(d: mpf, left: int, right: int, z: mpf) -> list[mpf]:
    """Large-sample interval (Hedges & Olkin 1985)."""
    half = z * sqrt((left + right) / (mpf(left) * right) + d**2 / (2 * mpf(left + right)))
    return [d - half, d + half]


def normal_quantile(p: mpf) -> mpf:
    return sqrt(mpf(2)) * erfinv(2 * p - 1)


def holm(values: list[mpf]) -> list[mpf]:
    """Adjusted p: the largest (number of values >= q) q over the values q <= p, at most 1; all values different."""
    return [max(min(mpf(1), q * sum(other >= q for other in values)) for q in values if q <= value) for value in values]


def step_up(values: list[mpf]) -> list[mpf]:
    """Benjamini & Hochberg: the smallest n q / (number of values <= q) over the values q >= p, at most 1."""
    return [
        min([mpf(1)] + [len(values) * q / sum(other <= q for other in values) for q in values if q >= value])
        for value in values
    ]


def wilson(successes: mpf, trials: mpf, z: mpf) -> list[mpf]:
    """Score interval of a proportion (Wilson 1927): the shares p with |share - p| = z sqrt(p (1 - p) / n)."""
    share = successes / trials
    middle = share + z**2 / (2 * trials)
    half = z * sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return [(middle - half) / (1 + z**2 / trials), (middle + half) / (1 + z**2 / trials)]


def cohens_d(left: list[mpf], right: list[mpf]) -> mpf:
    """Difference of means over the pooled standard deviation (Cohen 1988)."""
    means = [sum(sample) / len(sample) for sample in (left, right)]
    squares = [sum((value - mean) ** 2 for value in sample) for sample, mean in zip((left, right), means, strict=True)]
    return (means[0] - means[1]) / sqrt(sum(squares) / (len(left) + len(right) - 2))


def all_cases() -> list[Case]:
    rng = random.Random(20240516)
    sets = reference_sets(rng)
    makers: tuple[Callable[[], list[Case]], ...] = (
        scalar_cases,
        lambda: trust_region_cases(sets),
        lambda: pooling_cases(sets, rng),
        lambda: official_cases(sets),
        link_cases,
        lambda: pair_cases(rng),
        lambda: statistics_cases(rng),
    )
    cases = [case for make in makers for case in make()]
    cases += hidden_reference_cases()
    cases += official_cases([[[0.0, 0.0], [0.0, 0.0]]])  # 0/0 in their epsilon and weights
    return [{"id": f"{case['op']}-{index}", **rounded(case)} for index, case in enumerate(cases)]


def text() -> str:
    lines = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in all_cases())
    return f"[\n{lines}\n]\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Golden numbers of the preference losses, with 50 digits.")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    wanted = text()
    if parser.parse_args().check:
        return 0 if FILE.read_text(encoding="utf-8") == wanted else 1
    FILE.write_text(wanted, encoding="utf-8")
    print(f"{FILE}: {wanted.count(chr(10)) - 2} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
