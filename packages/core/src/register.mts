// The build puts the code here, as an ES module, which Node loads without its CommonJS loader.
import './register.ts'
