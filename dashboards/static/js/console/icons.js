// A drawing for each kind of device, by the name its API record gives; an unknown name gets a plain box.
import { svg } from "../dom.js";

const DRAWINGS = {
  room_air: "M3 9h11a3 3 0 1 0-3-3M3 13h15a3 3 0 1 1-3 3M3 17h7a2 2 0 1 1-2 2",
  projector: "M3 8h18v9H3zM6 17v2M18 17v2M15 12.5a2 2 0 1 1 4 0a2 2 0 1 1-4 0M6 12h4",
  interactive_display: "M3 5h18v12H3zM9 21h6M12 17v4M8 13l3-3 2 2 3-3",
  relay: "M12 3v8M7.5 6a8 8 0 1 0 9 0",
  uplink: "M12 20v-8M4 8a11 11 0 0 1 16 0M7 12a7 7 0 0 1 10 0M11 20h2",
  edge_node: "M4 5h16v6H4zM4 13h16v6H4zM7 8h2M7 16h2",
};

export const icon = (name) =>
  svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: DRAWINGS[name] ?? "M5 5h14v14H5zM9 9h6v6H9z" }));
