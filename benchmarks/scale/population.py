"""Who contributes: cards, how fast they train, and how long they stay."""

import math
import random
from dataclasses import dataclass
from typing import Final

from benchmarks.scale.costs import FLOP_A_TOKEN_A_PARAMETER

# Share among the users of Steam in September 2023 in percent, as the press reported Valve's survey at the time: all
# but one by ruetir.com on 2023-10-04; the RTX 4070 by buddystech.com, which gives the RTX 3060 as 6.10, so it quotes
# another table of that survey. Other desktop cards, laptops and AMD's are left out, so this is a spread of cards and
# no sample of them. The second figure is teraflop/s of dense half-precision matrix products with fp32 sums (for cards
# without tensor cores: fp32); it is assumed from memory of NVIDIA's whitepapers, which were not at hand.
CARDS: Final = (
    ("RTX 3060", 6.27, 25.5),
    ("GTX 1650", 4.78, 3.0),
    ("RTX 2060", 4.69, 25.8),
    ("GTX 1060", 4.69, 4.4),
    ("RTX 3060 Ti", 4.04, 32.4),
    ("RTX 4070", 0.92, 58.3),
    ("RTX 4090", 0.73, 165.2),
    ("RTX 4080", 0.54, 97.5),
)
# Of those products, what training reaches. Assumed, not measured; it moves all speeds alike.
MODEL_FLOP_SHARE: Final = 0.3
# How long a computer stays. That such times are near a Weibull distribution, and far from an exponential one, is what
# Nurmi, Brevik and Wolski found in three settings, one of them a Condor pool of workstations (Modeling machine
# availability in enterprise and wide-area distributed computing environments, Euro-Par 2005, also UCSB technical report
# CS2003-28). The two numbers are assumed: they are remembered as that pool's, and their table was not at hand. A shape
# below 1 means that many sessions last minutes and a few last days.
SESSION_SHAPE: Final = 0.49
SESSION_SCALE_S: Final = 2_403.0
# Assumed: a computer is away twice as long as it is there, so it lends eight hours of the day.
AWAY_FACTOR: Final = 2.0
# Assumed: of ten that leave in the middle of an assignment, one is switched off without a word.
SWITCHED_OFF_SHARE: Final = 0.1
# Assumed home connection: bytes a second.
UPLINK: Final = 10e6 / 8
DOWNLINK: Final = 50e6 / 8

SESSION_MEAN_S: Final = SESSION_SCALE_S * math.gamma(1.0 + 1.0 / SESSION_SHAPE)


@dataclass(frozen=True)
class Contributor:
    """One device; `tokens_per_s` of this run's model."""

    card: str
    tokens_per_s: int


def contributor(rng: random.Random, parameters: int) -> Contributor:
    """A card by its share among all."""
    name, _, teraflops = rng.choices(CARDS, [share for _, share, _ in CARDS])[0]
    speed = teraflops * 1e12 * MODEL_FLOP_SHARE / (FLOP_A_TOKEN_A_PARAMETER * parameters)
    return Contributor(name, max(1, round(speed * rng.uniform(0.8, 1.0))))


def session_s(rng: random.Random) -> float:
    """How long a device stays."""
    return rng.weibullvariate(SESSION_SCALE_S, SESSION_SHAPE)


def away_s(rng: random.Random) -> float:
    """How long it is away after that."""
    return rng.expovariate(1.0 / (AWAY_FACTOR * SESSION_MEAN_S))


def mean_tokens_per_s(parameters: int) -> float:
    """Of one device while it is there."""
    shares = sum(share for _, share, _ in CARDS)
    teraflops = sum(share * speed for _, share, speed in CARDS) / shares
    return 0.9 * teraflops * 1e12 * MODEL_FLOP_SHARE / (FLOP_A_TOKEN_A_PARAMETER * parameters)
