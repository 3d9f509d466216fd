"""Webhooks: signed as Standard Webhooks has it, and for services that tell owners of events, all that sends them.

An owner is whom an endpoint belongs to, such as a partner or an organisation. A service that tells owners has these
tables in a migration of its own, with foreign keys to them: what owners are told (`told_events`), where their webhooks
go (`webhook_endpoints`, `webhook_secrets`), and what became of each (`webhook_deliveries`).
"""
