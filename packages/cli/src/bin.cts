#!/usr/bin/env node
/**
 * This file is CommonJS because such a file runs before the first event loop tick. If a parent has forked this process, its
 * messages are for the server, so this process stops reading them here.
 */
import { holdParentChannel } from '@zerodrop/core/keeper'

holdParentChannel()
void import('./main.js')
