import { testNeighbour } from './support/neighbours.ts'

testNeighbour('haproxy')
