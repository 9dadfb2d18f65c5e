"""The read API: what the database and the executed notebooks hold, over HTTP, for whoever has a token.

It writes nothing but when a token was used last. `app.create_app` puts it together; each module of `routes` has a `router`.
"""
