import * as z from "zod/mini"

// The hub's content security policy forbids code made of strings, which zod would otherwise try. Whatever brings
// schemas into the page brings this with them.
z.config({ jitless: true })
