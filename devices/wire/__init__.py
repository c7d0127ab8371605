"""Sparkplug B 3.0 on the wire: topics, datatypes, payloads and the order of messages.

The generated module comes from our own `sparkplug_b.proto`; after a change regenerate it with

    .venv/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. devices/wire/sparkplug_b.proto
"""
