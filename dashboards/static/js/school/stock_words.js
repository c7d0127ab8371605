// What a stock-taking says of equipment that stands elsewhere than the register has it.
import { nt } from "../words.js";

export const movedText = ({ counts, finished_ms: ended }) => (ended
  ? nt("{n} stood in another room and was moved in the register", "{n} stood in another room and were moved in the register", counts.moved)
  : nt("{n} stands in another room", "{n} stand in another room", counts.moved));
