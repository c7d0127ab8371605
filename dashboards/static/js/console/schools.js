// Codes and names of the schools the visitor may see; codes are shown where names are not known.
import { get } from "./api.js";

export async function schoolNames() {
  const names = new Map();
  let cursor = null;
  try {
    do {
      const page = await get("/api/v1/organisation/schools", { limit: 500, cursor });
      for (const school of page.items) names.set(school.code, school.name);
      cursor = page.next_cursor;
    } while (cursor);
  } catch {
    return names;
  }
  return names;
}
