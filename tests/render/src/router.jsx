// Grafana's libraries still ask for the bridge between two versions of the router.
import { Route } from 'react-router-dom';

export * from 'react-router-dom';
export const CompatRoute = Route;
export const CompatRouter = ({ children }) => children;
