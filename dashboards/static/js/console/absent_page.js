// A page for an address that is none: also a stranger may see it.
import { get, greet } from "./api.js";

get("/api/v1/session").then(greet, () => {});
