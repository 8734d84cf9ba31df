"""Tools of the house: they build, run, test and measure; none of them is shipped."""
