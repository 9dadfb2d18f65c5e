"""Telling people of incidents: what is sent, to whom, by what, and of what nobody wants to hear for a while.

Jobs write whom to tell into the outbox `etl_alert` (`etl.audit.incidents.register`). Here a process of its own works it off, so
that no receiver can delay or fail a cycle.
"""
