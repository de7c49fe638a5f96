/** Tasks of language understanding: what is asked, and which numbers count. */
export { AVERAGE, headlineValues, type HeadlineValue } from './headlines.js';
export { headlinesOf, PROFILE_NAMES, PROFILES, type Headline, type ProfileName } from './profiles.js';
