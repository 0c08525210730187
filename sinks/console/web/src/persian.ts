/** Letters for Persian, only where they are read. */

import "./persian.css";
