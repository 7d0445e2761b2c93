#!/usr/bin/env node
/**
 * A CommonJS file runs before the event loop turns for the first time. What a parent that has forked this process says to
 * it is for the server: from here on this process reads none of it.
 */
import { holdParentChannel } from '@zerodrop/core/keeper'

holdParentChannel()
void import('./main.js')
