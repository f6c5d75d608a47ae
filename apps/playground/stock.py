"""The tab of the forecaster: a fan chart of quantiles over the horizon."""

import gradio as gr

from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, one_line_errors, picture, render_png
from apps.playground.runs import Runs, cached_by_run
from apps.stock import model, plots
from apps.stock.forecast import PICTURED, PRINTED, ForecastOptions, as_table, chart_title, forecast

APP, TITLE = "stock", "Forecast"
MAKE = "python -m apps.stock.train tiny"
LONGEST = 100  # characters of a ticker

cached_network = cached_by_run(model.load)


def tab(runs: Runs) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column(scale=1):
            name = gr.Dropdown(runs.names(), label="Run")
            file = gr.File(label="CSV", file_types=[".csv"], height=140)
            gr.Markdown(
                "The file needs the columns of the run. Without a file, the forecast continues the "
                "data of the run."
            )
            ticker = gr.Textbox(
                label="Ticker", placeholder="all series of the file", max_length=LONGEST
            )
            button = gr.Button("Forecast", variant="primary")
        with gr.Column(scale=2):
            fan = picture("## Forecast")
    table = gr.Dataframe(label="Quantiles", interactive=False, max_height=300)
    chart = gates_picture("row of the data")
    inputs = [name, file, ticker]

    def run_forecast(name, file, ticker):
        options = ForecastOptions(run=name, data=file, ticker=ticker.strip() or None)
        return forecast(runs[name], options)

    @one_line_errors(inputs)
    def draw_forecast(name, file, ticker):
        forecasts, levels = run_forecast(name, file, ticker)
        names = [f"q{level:g}" for level in levels] if len(levels) > 1 else ["forecast"]
        rows = as_table(forecasts, names).head(PRINTED)
        rows["date"] = rows["date"].astype(str)
        title = chart_title(forecasts)
        return render_png(plots.fan_chart, forecasts[:PICTURED], levels, title), rows.round(4)

    @one_line_errors(inputs)
    def show_gates(name, file, ticker):
        forecasts, _ = run_forecast(name, file, ticker)
        network = cached_network(runs[name]).model
        first = forecasts[0]
        with gates.record_sequence() as seen:
            network(first["window"][None])
        dates = [str(date)[:10] for date in first["dates"][-len(first["window"]) :]]
        return render_png(gates.chart, gates.layers(seen, dates))

    event = button.click(draw_forecast, inputs, [fan, table], api_name="forecast", **MODEL)
    event.success(show_gates, inputs, chart, api_name="stock_gates", **MODEL)
    return name
