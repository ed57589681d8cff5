// The one way by which commands outside the daemon reach the table of observability/.
export { formatTimeline } from "../observability/timeline";
