import { DIGITS } from "./digits";
import { ETH_VOLATILITY } from "./ethVolatility";
import { LIQUIDATION_RISK } from "./liquidationRisk";
import type { Recipe } from "./recipe";

/** Every model of `models/`. */
export const RECIPES: readonly Recipe[] = [LIQUIDATION_RISK, ETH_VOLATILITY, DIGITS];
