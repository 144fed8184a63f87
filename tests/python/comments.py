"""Runs a slow statement with comments of OpenTelemetry's instrumentation: comments.py DSN"""

import sys

import psycopg2
from opentelemetry import trace
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
Psycopg2Instrumentor().instrument(enable_commenter=True, skip_dep_check=True)
with trace.get_tracer("test").start_as_current_span("job") as span:
    connection = psycopg2.connect(sys.argv[1])
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(%s)", (1.5,))
    connection.commit()
    print(format(span.get_span_context().trace_id, "032x"))
