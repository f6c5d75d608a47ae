"""The tab of the forecaster: a fan chart of quantiles over the horizon."""

import gradio as gr

from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, one_line_errors, picture, render_png
from apps.playground.runs import Runs, cached_by_run
from apps.stock import model, plots
from apps.stock.forecast import PICTURED, PRINTED, ForecastOptions, chart_title, read_panel

APP, TITLE = "stock", "Forecast"
MAKE = "python -m apps.stock.train tiny"
LONGEST = 100  # characters of a ticker

cached_forecaster = cached_by_run(Run.load)
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
        run = runs[name]
        options = ForecastOptions(run=name, data=file, ticker=ticker.strip() or None)
        forecaster = cached_forecaster(run)
        panel, source = read_panel(run, options, forecaster.columns)
        return forecaster, forecaster.forecast_panel(panel, source)

    @one_line_errors(inputs)
    def draw_forecast(name, file, ticker):
        forecaster, forecasts = run_forecast(name, file, ticker)
        rows = forecaster.as_table(forecasts).head(PRINTED)
        rows["date"] = rows["date"].astype(str)
        title = chart_title(forecasts)
        fan = render_png(plots.fan_chart, forecasts[:PICTURED], forecaster.levels, title)
        return fan, rows.round(4)

    @one_line_errors(inputs)
    def show_gates(name, file, ticker):
        _, forecasts = run_forecast(name, file, ticker)
        network = cached_network(runs[name]).model
        first = forecasts[0]
        with gates.record_sequence() as seen:
            network(first["window"][None])
        dates = [str(date)[:10] for date in first["dates"][-len(first["window"]) :]]
        return render_png(gates.chart, gates.layers(seen, dates))

    event = button.click(draw_forecast, inputs, [fan, table], api_name="forecast", **MODEL)
    event.success(show_gates, inputs, chart, api_name="stock_gates", **MODEL)
    return name
