"""Sends spans as a webshop's and an ERP's programs would: spans.py http|grpc ENDPOINT"""

import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

protocol, endpoint = sys.argv[1:3]
if protocol == "http":
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint + "/v1/traces", compression=Compression.Gzip)
else:
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=Compression.Gzip)


def tracer(service):
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider, provider.get_tracer("test")


shop_provider, shop = tracer("webshop")
erp_provider, erp = tracer("erp")

# The shop pushes an order; both sides tell of it. The ERP asks its database and pays.
with shop.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes={
    "http.request.method": "POST", "url.full": "http://erp.example/orders/4711?token=secret",
    "http.response.status_code": 201,
}) as push:
    inside = set_span_in_context(push)
    with erp.start_as_current_span("POST /orders", context=inside, kind=SpanKind.SERVER, attributes={
        "http.method": "POST", "http.route": "/orders/{id}", "http.status_code": 201, "peer.service": "webshop",
    }):
        with erp.start_as_current_span("UPDATE", kind=SpanKind.CLIENT, attributes={
            "db.system": "postgresql", "db.statement": "update stock_quant set n = n - 1 where name = 'secret'",
        }):
            pass
        with erp.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes={
            "http.method": "POST", "http.url": "https://api.bank.example/payments/8f14e45f", "net.peer.name": "api.bank.example",
            "http.status_code": 503,
        }):
            pass
        with erp.start_as_current_span("publish", kind=SpanKind.PRODUCER, attributes={
            "messaging.system": "rabbitmq", "messaging.destination.name": "orders-7", "messaging.operation": "publish",
            "error.type": "ConnectionRefusedError",
        }) as publish:
            publish.set_status(Status(StatusCode.ERROR))
        with erp.start_as_current_span("inside", kind=SpanKind.INTERNAL):
            pass

# The ERP's spans first: a server is often told of before its client.
erp_provider.force_flush()
shop_provider.force_flush()
erp_provider.shutdown()
