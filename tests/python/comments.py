"""A job that runs a slow statement, with comments and spans of OpenTelemetry: comments.py DSN OTLP"""

import sys

import psycopg2
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[2] + "/v1/traces")))
trace.set_tracer_provider(provider)
Psycopg2Instrumentor().instrument(enable_commenter=True, skip_dep_check=True)
attributes = {"peer.service": "jobs", "http.request.method": "POST", "http.route": "/jobs/{name}"}
with trace.get_tracer("test").start_as_current_span("job", kind=SpanKind.SERVER, attributes=attributes) as span:
    connection = psycopg2.connect(sys.argv[1])
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(%s)", (1.5,))
    connection.commit()
    print(format(span.get_span_context().trace_id, "032x"))
provider.shutdown()
