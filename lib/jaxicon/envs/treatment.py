"""Treatment planning: how strong a dose to give, when the drug cures and harms.

Notes    RL & DL notebook U2, applications: treatment planning (named only; the model and its numbers are our own)
Paper    Schaefer, Bailey, Shechter & Roberts 2005, Modeling medical treatment using Markov decision processes
Systems  rl.app_treatment
"""

import numpy as np

from jaxicon.envs.tabular import MDP

STAGES, LEVELS = 6, 3  # of the disease, 0 cured and the last one lethal; of the drug in the body
DOSES = ("none", "mild", "strong")
BETTER = (0.10, 0.30, 0.42)  # probability that a stage passes, by dose
WORSE = 0.08  # that the disease gains one, more by the next line
HARM = 0.12  # for every level of the drug in the body, the new dose included, at a stage above 1
DECAY = 0.7  # probability that a level is excreted where nothing is given


def treatment(discount: float = 0.97) -> MDP:
    """Two months apart one sees a stage and a level, state stage * LEVELS + level, and gives a dose.

    A stage costs its number in tenths, a level 0.1; cure pays 1, death costs 5, both are the end. A patient comes at
    stage 2 or 3 without the drug.
    """
    states = STAGES * LEVELS
    transition, reward = np.zeros((states, len(DOSES), states)), np.zeros((states, len(DOSES)))
    stage, level = np.divmod(np.arange(states), LEVELS)
    terminal = (stage == 0) | (stage == STAGES - 1)
    for s, dose in np.ndindex(reward.shape):
        if terminal[s]:
            transition[s, dose, s] = 1
            continue
        worse = WORSE + HARM * (level[s] + dose) * (stage[s] > 1)
        moves = {-1: BETTER[dose], 0: 1 - BETTER[dose] - worse, 1: worse}
        stays, moved = (1.0, min(level[s] + dose, LEVELS - 1)) if dose else (1 - DECAY, max(level[s] - 1, 0))
        for change, chance in moves.items():
            to = (stage[s] + change) * LEVELS
            transition[s, dose, to + (moved if dose else level[s])] += chance * stays
            transition[s, dose, to + moved] += chance * (1 - stays)
        cure, death = moves[-1] * (stage[s] == 1), moves[1] * (stage[s] == STAGES - 2)
        reward[s, dose] = cure - 5 * death - 0.1 * stage[s] - 0.1 * level[s]
    start = np.isin(np.arange(states), [2 * LEVELS, 3 * LEVELS]) / 2
    return MDP(transition, reward, discount, terminal, start)
