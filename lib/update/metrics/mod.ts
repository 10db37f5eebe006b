export { History } from "./history.ts";
export { renderMetrics } from "./metrics.ts";
