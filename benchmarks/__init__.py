"""How fast: Seamwatch and its peers on the same topic, in one run, as ratios."""
