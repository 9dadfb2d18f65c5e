"""The routes, a module for each thing that can be asked for. All but `health` need a token; `etl.api.app` sees to that."""
