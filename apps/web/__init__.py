"""A folder of static files that runs exported models in the browser."""
