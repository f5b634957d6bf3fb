"""The web chat, its HTTP API and the same verbs as MCP tools: skins over `Chat`, with no model code in them.

fair.py      who is next: one heavy job at a time, round-robin by conversation, with a visible place in line
service.py   the verbs: one shared editor, stored sessions, limits, pictures; knows no HTTP
guard.py     who may ask: token, or this machine only; Host, Origin, size of requests
api.py       the verbs over HTTP (/docs, /openapi.json), progress as a stream of JSON lines
page.py      the page, on Gradio
tools.py     the verbs as MCP tools, for files of one folder
serve.py     `i2edit web`, `i2edit mcp`
"""
