"""Honest forecasting of time series: from a table of prices to quantiles of the real future."""
