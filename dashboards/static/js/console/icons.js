// A drawing for each kind of device, by the name its API record gives; an unknown name gets a plain box.
import { svg } from "../dom.js";

const DRAWINGS = {
  room_air: "M3 9h11a3 3 0 1 0-3-3M3 13h15a3 3 0 1 1-3 3M3 17h7a2 2 0 1 1-2 2",
  projector: "M3 8h18v9H3zM6 17v2M18 17v2M15 12.5a2 2 0 1 1 4 0a2 2 0 1 1-4 0M6 12h4",
  interactive_display: "M3 5h18v12H3zM9 21h6M12 17v4M8 13l3-3 2 2 3-3",
  relay: "M12 3v8M7.5 6a8 8 0 1 0 9 0",
  uplink: "M12 20v-8M4 8a11 11 0 0 1 16 0M7 12a7 7 0 0 1 10 0M11 20h2",
  air_conditioner: "M3 5h18v7H3zM6 9h12M7 15c0 2-2 2-2 4M12 15v5M17 15c0 2 2 2 2 4",
  lab_pc: "M4 4h16v11H4zM9 19h6M12 15v4M7 8l2 2-2 2M11 12h4",
  ups: "M4 6h14v12H4zM18 10h2v4h-2M12 8l-3 4.5h4L10 16",
  camera: "M3 8h12v8H3zM15 11l6-3v8l-6-3M6 11h2",
  conference_codec: "M3 6h18v10H3zM8 20h8M12 16v4M9.5 10a2 2 0 1 1 4 0a2 2 0 1 1-4 0M7.5 16c0-3 8-3 8 0",
  vr_headset: "M3 8h18v8h-6l-3-2-3 2H3zM6 11h3M15 11h3",
  ar_tablet: "M6 3h12v18H6zM11 18h2M9 8l3-2 3 2v4l-3 2-3-2z",
  tablet_cart: "M4 4h16v14H4zM8 7v8M12 7v8M16 7v8M7 21h2M15 21h2",
  wall_cell: "M3 5h18v14H3zM9 5v14M15 5v14M3 12h18",
  air_conditioner: "M3 6h18v7H3zM6 10h8M7 16v3M12 16v4M17 16v3",
  camera: "M4 7h10a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H4zM16 11l5-3v8l-5-3",
  conference_codec: "M3 5h18v11H3zM8 20h8M12 16v4M10 11a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  lab_pc: "M3 5h13v9H3zM7 18h5M9.5 14v4M19 5h2v13h-4V9",
  tablet_cart: "M4 4h16v14H4zM8 4v14M12 4v14M16 4v14M7 21h1M16 21h1",
  ups: "M5 4h14v16H5zM13 7l-4 6h6l-4 5",
  vr_headset: "M3 8h18v9h-6l-3-3-3 3H3zM7 12h1M16 12h1",
  wall_cell: "M3 4h18v16H3zM12 4v16M3 12h18",
  edge_node: "M4 5h16v6H4zM4 13h16v6H4zM7 8h2M7 16h2",
};

export const icon = (name) =>
  svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: DRAWINGS[name] ?? "M5 5h14v14H5zM9 9h6v6H9z" }));
