"""Forecasting of time series: from a table of values, such as prices, to future quantiles."""
