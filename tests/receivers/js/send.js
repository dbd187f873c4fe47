// Sends one span with an exception by each of the three exporters: send.js GRPC_URL HTTP_URL
const { createRequire } = require("module");
const need = createRequire(process.env.MODULES + "/");
const { BasicTracerProvider, SimpleSpanProcessor } = need("@opentelemetry/sdk-trace-base");
const [grpcUrl, httpUrl] = process.argv.slice(2);

const exporters = {
  grpc: new (need("@opentelemetry/exporter-trace-otlp-grpc").OTLPTraceExporter)({ url: grpcUrl }),
  json: new (need("@opentelemetry/exporter-trace-otlp-http").OTLPTraceExporter)({ url: httpUrl + "/v1/traces" }),
  proto: new (need("@opentelemetry/exporter-trace-otlp-proto").OTLPTraceExporter)({
    url: httpUrl + "/v1/traces",
    compression: "gzip",
  }),
};

(async () => {
  for (const [name, exporter] of Object.entries(exporters)) {
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const span = provider.getTracer("test").startSpan(name);
    span.recordException(new TypeError("x is not a function"));
    span.end();
    await provider.forceFlush();
    await provider.shutdown();
  }
})();
